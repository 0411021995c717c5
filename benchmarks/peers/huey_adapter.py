"""huey on SQLite, through its SqliteHuey."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from huey import SqliteHuey

from benchmarks.peers import Dialect, Peer, timing
from benchmarks.peers.sqlite_file import LEVELS, Synchronous, path_of

_POLL_DELAY = 0.01


class HueyPeer:
    """Its consumer with one worker thread: SQLite has one writer, and more threads were no faster."""

    dialect: Dialect = "sqlite"
    version = version("huey")
    keeps = "job row deleted before the handler starts (at most once); a result row only for a value, none here"

    def __init__(self, synchronous: Synchronous) -> None:
        self.name = f"huey ({synchronous})"
        self.settings = (
            f"SqliteHuey, WAL, synchronous={synchronous}, 1 worker thread, "
            f"polling every {_POLL_DELAY * 1000:.0f} ms; concurrent callers are threads; "
            "bulk is task.map(), which commits per job"
        )
        self._synchronous = synchronous
        self._tally = timing.Tally(threading.Event())

    async def prepare(self, url: str) -> None:
        # It has options for FULL and OFF only, so the level is set on its one connection.
        self._huey: Any = SqliteHuey("benchmark", filename=path_of(url))
        self._huey.storage.conn.execute(f"PRAGMA synchronous = {self._synchronous}")
        self._noop = self._huey.task(name="noop")(self._tally.run)

    async def enqueue_one(self, jobs: int) -> float:
        self._huey.flush()

        def caller() -> None:
            for _ in range(jobs):
                self._noop()

        return await timing.rate(jobs, asyncio.to_thread(caller))

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        self._huey.flush()

        def callers() -> None:
            with ThreadPoolExecutor(tasks) as pool:
                for call in [pool.submit(self._noop) for _ in range(jobs)]:
                    call.result()

        return await timing.rate(jobs, asyncio.to_thread(callers))

    async def enqueue_many(self, jobs: int) -> float:
        self._huey.flush()
        return await timing.rate(jobs, asyncio.to_thread(self._enqueue_all, jobs))

    async def drain(self, jobs: int) -> float:
        self._huey.flush()
        self._enqueue_all(jobs)
        self._tally.expect(jobs)
        began = time.perf_counter()
        with self._running_consumer():
            reached = await asyncio.to_thread(self._tally.reached.wait, timing.patience(jobs))
            if not reached:
                raise TimeoutError(f"{self.name}: {self._tally.runs} of {jobs} jobs ran")
            await timing.until_finished(self._unfinished)
            ended = time.perf_counter()
        # It keeps nothing of a finished job: finished is what is no longer queued.
        timing.check_once_each(self.name, jobs, self._tally.runs, jobs - self._huey.storage.queue_size())
        return jobs / (ended - began)

    async def latency(self, jobs: int) -> list[float]:
        self._huey.flush()
        with self._running_consumer():
            return await asyncio.to_thread(self._latencies, jobs)

    async def close(self) -> None:
        self._huey.storage.close()

    def _latencies(self, jobs: int) -> list[float]:
        measured = []
        for pause in timing.pauses(jobs):
            time.sleep(pause)
            self._tally.expect(1)
            began = time.perf_counter()
            self._noop()
            if not self._tally.reached.wait(timing.patience(1)):
                raise TimeoutError(f"{self.name}: a job was not started")
            measured.append((self._tally.last_start - began) * 1000)
        return timing.counted(measured)

    def _enqueue_all(self, jobs: int) -> None:
        self._noop.map([()] * jobs)

    async def _unfinished(self) -> bool:
        return bool(self._huey.storage.queue_size())

    @contextmanager
    def _running_consumer(self) -> Iterator[None]:
        consumer = self._huey.create_consumer(
            workers=1, periodic=False, initial_delay=_POLL_DELAY, max_delay=_POLL_DELAY
        )
        # Its start() takes over the process's signals, which belong to the program that runs the benchmark.
        taken = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        handlers = [(number, signal.getsignal(number)) for number in taken]
        consumer.start()
        for number, handler in handlers:
            signal.signal(number, handler)
        try:
            yield
        finally:
            consumer.stop(graceful=True)


def build() -> list[Peer]:
    """One entry for each level of durability."""
    return [HueyPeer(level) for level in LEVELS]
