"""dbjobs beside what it leaves behind: dead rows at a steady load and a saturated one, while people look."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from benchmarks.ours.draining import drain, drain_rate, fill
from benchmarks.ours.workload import CONCURRENCY, Workload
from benchmarks.peers import timing
from benchmarks.tables.job_tables import NOOP
from benchmarks.tables.site import Site
from dbjobs import Jobs

JOBS_PER_SECOND = 800
# How often somebody looks at the counts and at the list, and how often what is left behind is measured.
LOOK_SECONDS = 0.5
_SLICE_SECONDS = 0.01


async def steady(site: Site, seconds: float, *, pinned: bool = False) -> float:
    """The most that lay in the live table uncleaned while jobs came in evenly, people looked, and all were run.

    Args:
        pinned: another session holds the snapshot from before the first.
    """
    jobs = round(JOBS_PER_SECOND * seconds)
    workload = Workload(site.url)
    workload.tally.expect(jobs)
    async with (
        workload.jobs,
        _pin(site, pinned),
        asyncio.timeout(seconds + timing.patience(jobs)),
        workload.jobs.start(concurrency=CONCURRENCY),
        _watched(site) as seen,
        _looks(site),
    ):
        await _enqueue_evenly(workload.jobs, jobs)
        await workload.tally.reached.wait()
    return max(seen)


async def saturated(site: Site, jobs: int, *, pinned: bool = False) -> float:
    """The same while a long queue is drained as fast as it goes."""
    await fill(site, jobs)
    async with _pin(site, pinned), _watched(site) as seen:
        await drain(site, jobs)
    return max(seen)


async def polled(site: Site, jobs: int, *, pinned: bool = False) -> float:
    """Jobs per second of a drain while somebody looks at the counts and at the list twice a second."""
    await fill(site, jobs)
    async with _pin(site, pinned), _looks(site):
        return await drain_rate(site, jobs)


async def _enqueue_evenly(jobs: Jobs, count: int) -> None:
    began = time.monotonic()
    done = 0
    async with asyncio.TaskGroup() as tasks:
        while done < count:
            due = min(int((time.monotonic() - began) * JOBS_PER_SECOND), count)
            for number in range(done, due):
                tasks.create_task(jobs.enqueue(NOOP, number))
            done = max(done, due)
            await asyncio.sleep(_SLICE_SECONDS)


def _pin(site: Site, pinned: bool) -> AbstractAsyncContextManager[None]:
    return site.tables.pin() if pinned else nullcontext()


@asynccontextmanager
async def _watched(site: Site) -> AsyncIterator[list[float]]:
    """What is left behind, measured now and then until the block ends; not a number where that cannot be known."""
    seen = [math.nan]

    async def watch() -> None:
        while True:
            left = await site.tables.uncleaned()
            if left is not None:
                seen[:] = [left, *(value for value in seen if not math.isnan(value))]
            await asyncio.sleep(LOOK_SECONDS)

    async with _beside(watch()):
        yield seen


@asynccontextmanager
async def _looks(site: Site) -> AsyncIterator[None]:
    """Somebody with a client of their own looks at the counts and the first page of the list."""

    async def look() -> None:
        async with Jobs(site.url) as client:
            while True:
                await client.counts()
                await client.list()
                await asyncio.sleep(LOOK_SECONDS)

    async with _beside(look()):
        yield


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])
