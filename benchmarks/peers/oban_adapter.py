"""Oban for Python on PostgreSQL, through psycopg."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import psycopg
import psycopg_pool
from oban import Oban, schema, worker

from benchmarks.peers import Dialect, Peer, timing

_LIMIT = 200
_POOL_SIZE = 10


class ObanPeer:
    """One instance that only enqueues and one that works, sharing a pool of the documented size."""

    name = "Oban"
    version = version("oban")
    dialect: Dialect = "postgres"
    settings = (
        f"psycopg ({psycopg.pq.__impl__}), one pool of {_POOL_SIZE}, one queue with limit={_LIMIT}, "
        "debounce_interval=5 ms (its default)"
    )
    keeps = "job row kept (completed) until its pruner deletes it a day later; no result"

    def __init__(self) -> None:
        self._tally = timing.Tally(asyncio.Event())
        self._noop = _make_noop(self._tally)

    async def prepare(self, url: str) -> None:
        self._pool: Any = psycopg_pool.AsyncConnectionPool(url, min_size=_POOL_SIZE, max_size=_POOL_SIZE, open=False)
        await self._pool.open(wait=True)
        await schema.install(self._pool)
        self._producer = Oban(pool=self._pool, name="producer")

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
        await self._value("ANALYZE oban_jobs")
        working = self._make_worker()
        try:
            value = await timing.rate_of_drain(jobs, self._tally, working.start, self._unfinished)
        finally:
            await working.stop()
        finished = await self._value("SELECT count(*) FROM oban_jobs WHERE state = 'completed'")
        timing.check_once_each(self.name, jobs, self._tally.runs, finished)
        return value

    async def latency(self, jobs: int) -> list[float]:
        await self._clear()
        async with self._make_worker():
            return await timing.latencies(jobs, self._tally, self._enqueue)

    async def close(self) -> None:
        await self._pool.close()

    def _make_worker(self) -> Any:
        return Oban(pool=self._pool, name="worker", queues={"default": {"limit": _LIMIT}})

    async def _enqueue(self) -> None:
        await self._producer.enqueue(self._noop.new())

    async def _enqueue_all(self, jobs: int) -> None:
        await self._producer.enqueue_many(self._noop.new() for _ in range(jobs))

    async def _unfinished(self) -> bool:
        return bool(await self._value("SELECT EXISTS (SELECT FROM oban_jobs WHERE state <> 'completed')"))

    async def _clear(self) -> None:
        await self._value("TRUNCATE oban_jobs, oban_leaders, oban_producers")

    async def _value(self, statement: str) -> Any:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement)
            return (await cursor.fetchone())[0] if cursor.description else None


def _make_noop(tally: timing.Tally[asyncio.Event]) -> Any:
    class Noop:
        async def process(self, job: Any) -> None:
            tally.run()

    return worker(queue="default")(Noop)


def build() -> list[Peer]:
    """Its one entry."""
    return [ObanPeer()]
