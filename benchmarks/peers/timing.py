"""What the adapters share: counting handler runs and timing calls, the same way for every library."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

EventT = TypeVar("EventT", asyncio.Event, threading.Event)

_SEED = 20
_WARM_UP = 5


class Tally(Generic[EventT]):
    """Counts the runs of a no-op handler and sets `reached` at the run that was waited for."""

    def __init__(self, reached: EventT) -> None:
        self.reached: EventT = reached
        self.runs = 0
        self.last_start = 0.0
        self._target = 0

    def expect(self, runs: int) -> None:
        """Start again from zero; `reached` is set at run number `runs`."""
        self.runs = 0
        self._target = runs
        self.reached.clear()

    def run(self) -> None:
        """The handler's whole body."""
        self.last_start = time.perf_counter()
        self.runs += 1
        if self.runs == self._target:
            self.reached.set()


def patience(jobs: int) -> float:
    """Seconds after which a scenario counts as hung: the slowest library does several hundred jobs/s."""
    return 60 + jobs / 50


def check_once_each(name: str, jobs: int, runs: int, finished: int) -> None:
    """As many finished rows as jobs and as many runs as jobs: then every job ran exactly once.

    Raises:
        RuntimeError: a job was lost, left unfinished or run twice.
    """
    if runs != jobs or finished != jobs:
        raise RuntimeError(f"{name}: {jobs} jobs, but {runs} runs of the handler and {finished} finished rows")


async def rate(jobs: int, work: Awaitable[object]) -> float:
    """Jobs per second of one awaitable that does them all."""
    began = time.perf_counter()
    await work
    return jobs / (time.perf_counter() - began)


async def rate_in_turn(jobs: int, enqueue: Callable[[], Awaitable[object]]) -> float:
    """Jobs per second of one caller."""

    async def caller() -> None:
        for _ in range(jobs):
            await enqueue()

    return await rate(jobs, caller())


async def rate_at_once(jobs: int, tasks: int, enqueue: Callable[[], Awaitable[object]]) -> float:
    """Jobs per second of `tasks` callers sharing the jobs; each asks for the next when its last is stored."""
    left = iter(range(jobs))

    async def caller() -> None:
        for _ in left:
            await enqueue()

    return await rate(jobs, asyncio.gather(*(caller() for _ in range(tasks))))


async def rate_of_drain(
    jobs: int,
    tally: Tally[asyncio.Event],
    start: Callable[[], Awaitable[object]],
    unfinished: Callable[[], Awaitable[bool]],
) -> float:
    """Jobs per second from calling `start` until the tables hold no unfinished job.

    The tables are asked only after the last handler ran, so that asking does not slow the worker down.
    """
    tally.expect(jobs)
    began = time.perf_counter()
    async with asyncio.timeout(patience(jobs)):
        await start()
        await tally.reached.wait()
        await until_finished(unfinished)
    return jobs / (time.perf_counter() - began)


async def until_finished(unfinished: Callable[[], Awaitable[bool]]) -> None:
    """Ask the tables until they hold no unfinished job: no library tells when its last write is stored."""
    while await unfinished():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def pauses(jobs: int) -> list[float]:
    """Seconds to wait before each job of a latency run: about 20 ms, and the same in every run.

    They vary because a worker that polls starts its interval anew with each job: after equal pauses every
    job would meet the same moment of the interval, and the figure would be that moment's.
    """
    source = random.Random(_SEED)
    return [source.uniform(0.01, 0.03) for _ in range(_WARM_UP + jobs)]


def counted(measured: list[float]) -> list[float]:
    """All but the first few jobs, which wait for the worker to start listening and fill caches."""
    return measured[_WARM_UP:]


async def latencies(jobs: int, tally: Tally[asyncio.Event], enqueue: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds from calling `enqueue` to the start of the handler, for one job at a time."""
    measured = []
    for pause in pauses(jobs):
        await asyncio.sleep(pause)
        tally.expect(1)
        began = time.perf_counter()
        async with asyncio.timeout(patience(1)):
            await enqueue()
            await tally.reached.wait()
        measured.append((tally.last_start - began) * 1000)
    return counted(measured)
