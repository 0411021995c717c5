"""PgQueuer on PostgreSQL, through asyncpg."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers import Dialect, Peer, timing

_ENTRYPOINT = "noop"
_BATCH_SIZE = 200
_POOL_SIZE = 10


class PgQueuerPeer:
    """Producers on a pool and the worker on a connection of its own, as its tuning guide advises."""

    name = "PgQueuer"
    version = version("pgqueuer")
    dialect: Dialect = "postgres"
    settings = (
        f"asyncpg, producers on a pool of {_POOL_SIZE}, worker on its own connection, "
        f"batch_size={_BATCH_SIZE}, no concurrency limit, durability=durable (every table logged), "
        "autovacuum tuned by its own command"
    )
    keeps = "job row deleted; 3 log rows per job (queued, picked, successful); no result"

    def __init__(self) -> None:
        self._tally = timing.Tally(asyncio.Event())

    async def prepare(self, url: str) -> None:
        self._url = url
        self._pool: Any = await asyncpg.create_pool(url, min_size=_POOL_SIZE, max_size=_POOL_SIZE)
        self._queries = Queries(AsyncpgPoolDriver(self._pool))
        await self._queries.install()
        await self._queries.optimize_autovacuum()

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
        await self._pool.execute("ANALYZE pgqueuer")
        connection = await asyncpg.connect(self._url)
        worker = self._make_worker(connection)
        running: list[asyncio.Task[None]] = []

        async def start() -> None:
            running.append(asyncio.create_task(worker.run(batch_size=_BATCH_SIZE)))

        try:
            value = await timing.rate_of_drain(jobs, self._tally, start, self._unfinished)
        finally:
            worker.shutdown.set()
            await asyncio.gather(*running)
            await connection.close()
        finished = await self._pool.fetchval("SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'")
        timing.check_once_each(self.name, jobs, self._tally.runs, finished)
        return value

    async def latency(self, jobs: int) -> list[float]:
        await self._clear()
        connection = await asyncpg.connect(self._url)
        worker = self._make_worker(connection)
        running = asyncio.create_task(worker.run(batch_size=_BATCH_SIZE))
        try:
            return await timing.latencies(jobs, self._tally, self._enqueue)
        finally:
            worker.shutdown.set()
            await running
            await connection.close()

    async def close(self) -> None:
        await self._pool.close()

    def _make_worker(self, connection: Any) -> Any:
        worker = PgQueuer(AsyncpgDriver(connection))

        async def noop(job: Job) -> None:
            self._tally.run()

        worker.entrypoint(_ENTRYPOINT)(noop)
        return worker

    async def _enqueue(self) -> None:
        await self._queries.enqueue(_ENTRYPOINT, None)

    async def _enqueue_all(self, jobs: int) -> None:
        await self._queries.enqueue([_ENTRYPOINT] * jobs, [None] * jobs, [0] * jobs)

    async def _unfinished(self) -> bool:
        return bool(await self._pool.fetchval("SELECT EXISTS (SELECT FROM pgqueuer)"))

    async def _clear(self) -> None:
        await self._pool.execute("TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics")


def build() -> list[Peer]:
    """Its one entry: uvloop and several consumers in the process were no faster when tried."""
    return [PgQueuerPeer()]
