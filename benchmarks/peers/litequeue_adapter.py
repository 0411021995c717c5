"""litequeue on SQLite. It has no worker: the loop that pops, runs and marks done is its README's."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

from litequeue import LiteQueue

from benchmarks.peers import Dialect, NotOffered, Peer, timing
from benchmarks.peers.sqlite_file import LEVELS, Synchronous, path_of


class LiteQueuePeer:
    """One queue on one connection, which it lets threads share."""

    dialect: Dialect = "sqlite"
    version = version("litequeue")
    keeps = "message row kept (done) until prune(); no result"

    def __init__(self, synchronous: Synchronous) -> None:
        self.name = f"litequeue ({synchronous})"
        shipped = ", its default" if synchronous == "NORMAL" else ""
        self.settings = (
            f"WAL, synchronous={synchronous}{shipped}, a bare loop of pop() and done() in place of a worker; "
            "concurrent callers are threads; bulk is put() inside its transaction()"
        )
        self._synchronous = synchronous
        self._tally = timing.Tally(threading.Event())

    async def prepare(self, url: str) -> None:
        self._queue: Any = LiteQueue(path_of(url))
        # It always sets NORMAL itself and has no option for the level.
        self._queue.conn.execute(f"PRAGMA synchronous = {self._synchronous}")

    async def enqueue_one(self, jobs: int) -> float:
        self._clear()

        def caller() -> None:
            for _ in range(jobs):
                self._queue.put("")

        return await timing.rate(jobs, asyncio.to_thread(caller))

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        self._clear()

        def callers() -> None:
            with ThreadPoolExecutor(tasks) as pool:
                for call in [pool.submit(self._queue.put, "") for _ in range(jobs)]:
                    call.result()

        return await timing.rate(jobs, asyncio.to_thread(callers))

    async def enqueue_many(self, jobs: int) -> float:
        self._clear()
        return await timing.rate(jobs, asyncio.to_thread(self._enqueue_all, jobs))

    async def drain(self, jobs: int) -> float:
        self._clear()
        self._enqueue_all(jobs)
        self._tally.expect(jobs)
        value = await timing.rate(jobs, asyncio.to_thread(self._work))
        finished = self._queue.conn.execute(
            f"SELECT count(*) FROM {self._queue.table} WHERE done_time IS NOT NULL"
        ).fetchone()[0]
        timing.check_once_each(self.name, jobs, self._tally.runs, finished)
        return value

    async def latency(self, jobs: int) -> list[float]:
        raise NotOffered("no worker: how soon a job starts is up to the caller's own loop")

    async def close(self) -> None:
        self._queue.close()

    def _enqueue_all(self, jobs: int) -> None:
        with self._queue.transaction():
            for _ in range(jobs):
                self._queue.put("")

    def _work(self) -> None:
        while (message := self._queue.pop()) is not None:
            self._tally.run()
            # Newer versions want to know whose claim is being finished.
            claim = {"claim_id": message.claim_id} if hasattr(message, "claim_id") else {}
            self._queue.done(message.message_id, **claim)

    def _clear(self) -> None:
        self._queue.conn.execute(f"DELETE FROM {self._queue.table}")


def build() -> list[Peer]:
    """One entry for each level of durability."""
    return [LiteQueuePeer(level) for level in LEVELS]
