"""Procrastinate on PostgreSQL, through psycopg."""

from __future__ import annotations

import asyncio
import contextlib
from importlib.metadata import version
from typing import Any

import psycopg
import psycopg_pool
from procrastinate import App, PsycopgConnector

from benchmarks.peers import Dialect, Peer, timing

_CONCURRENCY = 30
_PRODUCER_POOL = 10
_WORKER_POOL = 4


class ProcrastinatePeer:
    """One application that defers and one that works, each with its own pool."""

    name = "Procrastinate"
    version = version("procrastinate")
    dialect: Dialect = "postgres"
    settings = (
        f"psycopg ({psycopg.pq.__impl__}), pools of {_PRODUCER_POOL} for producers "
        f"and {_WORKER_POOL} for the worker, without its connection check, "
        f"concurrency={_CONCURRENCY}, listen_notify"
    )
    keeps = "job row kept (succeeded) with 3 event rows (deferred, started, succeeded); no result"

    def __init__(self) -> None:
        self._tally = timing.Tally(asyncio.Event())

    async def prepare(self, url: str) -> None:
        self._url = url
        self._producer_pool = await self._open_pool(_PRODUCER_POOL)
        self._producer, self._task = self._make_app()
        await self._producer.open_async(self._producer_pool)
        await self._producer.schema_manager.apply_schema_async()

    async def enqueue_one(self, jobs: int) -> float:
        await self._clear()
        return await timing.rate_in_turn(jobs, self._enqueue)

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        await self._clear()
        return await timing.rate_at_once(jobs, tasks, self._enqueue)

    async def enqueue_many(self, jobs: int) -> float:
        await self._clear()
        return await timing.rate(jobs, self._enqueue_all(jobs))

    async def drain(self, jobs: int) -> float:
        await self._clear()
        await self._enqueue_all(jobs)
        await self._value("ANALYZE procrastinate_jobs")
        worker_pool = await self._open_pool(_WORKER_POOL)
        worker, _ = self._make_app()
        await worker.open_async(worker_pool)
        running: list[asyncio.Task[None]] = []

        async def start() -> None:
            running.append(asyncio.create_task(_work(worker)))

        try:
            value = await timing.rate_of_drain(jobs, self._tally, start, self._unfinished)
        finally:
            await _stop(running)
            await worker_pool.close()
        finished = await self._value("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'")
        timing.check_once_each(self.name, jobs, self._tally.runs, finished)
        return value

    async def latency(self, jobs: int) -> list[float]:
        await self._clear()
        worker_pool = await self._open_pool(_WORKER_POOL)
        worker, _ = self._make_app()
        await worker.open_async(worker_pool)
        running = [asyncio.create_task(_work(worker))]
        try:
            return await timing.latencies(jobs, self._tally, self._enqueue)
        finally:
            await _stop(running)
            await worker_pool.close()

    async def close(self) -> None:
        await self._producer_pool.close()

    def _make_app(self) -> tuple[Any, Any]:
        app = App(connector=PsycopgConnector())

        async def noop() -> None:
            self._tally.run()

        return app, app.task(name="noop")(noop)

    async def _open_pool(self, size: int) -> Any:
        pool: Any = psycopg_pool.AsyncConnectionPool(self._url, min_size=size, max_size=size, open=False)
        await pool.open(wait=True)
        return pool

    async def _enqueue(self) -> None:
        await self._task.defer_async()

    async def _enqueue_all(self, jobs: int) -> None:
        await self._task.batch_defer_async(*({} for _ in range(jobs)))

    async def _unfinished(self) -> bool:
        return bool(
            await self._value("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))")
        )

    async def _clear(self) -> None:
        await self._value("TRUNCATE procrastinate_jobs CASCADE")

    async def _value(self, statement: str) -> Any:
        async with self._producer_pool.connection() as connection:
            cursor = await connection.execute(statement)
            return (await cursor.fetchone())[0] if cursor.description else None


async def _work(app: Any) -> None:
    await app.run_worker_async(concurrency=_CONCURRENCY, install_signal_handlers=False)


async def _stop(running: list[asyncio.Task[None]]) -> None:
    # Cancelling is its documented way to stop a worker that runs inside an application.
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def build() -> list[Peer]:
    """Its one entry."""
    return [ProcrastinatePeer()]
