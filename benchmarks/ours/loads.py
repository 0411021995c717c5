"""dbjobs under loads that show whether work per job stays the same: deep queues, old snapshots, stuck lanes.

Rates are taken from the completion times in history, which are written by the database itself.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from benchmarks.ours.draining import drain, drain_rate, fill
from benchmarks.ours.worker_process import WorkerProcess
from benchmarks.ours.workload import CONCURRENCY, NAP_SECONDS, Workload
from benchmarks.peers import timing
from benchmarks.tables.job_tables import HOLD, NAP, NOOP
from benchmarks.tables.site import Site
from dbjobs.store import repository
from dbjobs.store.transactions import partitions

_MEGABYTE = 2**20
_MEMORY_SLICES = 10
_AT_ONCE = 200


async def plain(site: Site, jobs: int) -> float:
    """Jobs per second of a plain drain, measured as the loads are: what they are compared with."""
    await fill(site, jobs)
    return await drain_rate(site, jobs)


async def drain_two(site: Site, jobs: int) -> float:
    """Jobs per second by two worker processes."""
    await fill(site, jobs)
    async with WorkerProcess(site.url) as one, WorkerProcess(site.url) as other:
        began = await site.tables.now()
        await asyncio.gather(one.go(), other.go())
        await _until_completed(site, jobs)
        runs = [(await worker.report()).runs for worker in (one, other)]
    timing.check_once_each("dbjobs", jobs, sum(runs), await site.tables.completed())
    _, end = await site.tables.completion(jobs)
    return jobs / (end - began)


async def backlog(site: Site, jobs: int, part: int) -> Mapping[str, float]:
    """Jobs per second over the first two parts of a long queue."""
    await fill(site, jobs)
    began = (await drain(site, 2 * part)).began
    first, middle = await site.tables.completion(part)
    both, end = await site.tables.completion(2 * part)
    return {"first": _rate(first, middle - began), "next": _rate(both - first, end - middle)}


async def scheduled(site: Site, waiting: int, jobs: int) -> float:
    """Jobs per second while many others are scheduled."""
    await site.tables.fill_scheduled(waiting)
    await fill(site, jobs)
    return await drain_rate(site, jobs)


async def pinned(site: Site, jobs: int, last: int) -> Mapping[str, float]:
    """Jobs per second while another session holds the snapshot from before the first."""
    await fill(site, jobs)
    async with site.tables.pin():
        began = (await drain(site, jobs)).began
    before, middle = await site.tables.completion(jobs - last)
    _, end = await site.tables.completion(jobs)
    return {"all": _rate(jobs, end - began), "last": _rate(jobs - before, end - middle)}


async def names(site: Site, jobs: int, *, queues: int, batches: int, months: int) -> float:
    """Jobs per second over many queues and batches, when history has a place for many months."""
    workload = Workload(site.url)
    async with workload.jobs:
        db = workload.jobs._client.db
        this = await repository.current_month(db)
        await partitions.make_partitions(db, [partitions.month_after(this, -ago) for ago in range(months)])
        for start in range(0, jobs, _AT_ONCE):
            await asyncio.gather(*(
                workload.jobs.enqueue(NOOP, n, queue=f"queue {n % queues}", batch_id=f"batch {n % batches}")
                for n in range(start, min(start + _AT_ONCE, jobs))
            ))  # fmt: skip
        try:
            await site.tables.analyze()
            return await drain_rate(site, jobs, workload)
        finally:
            await site.tables.reset()
            await partitions.drop_old(db, 0)


async def lanes(site: Site, stuck: int, jobs: int) -> float:
    """Jobs per second while many others wait for two named workers that are busy."""
    await site.tables.fill_lanes(2, stuck // 2, head=HOLD)
    workload = Workload(site.url)
    await fill(site, jobs)
    value = await drain_rate(site, jobs, workload)
    if workload.held != 2:
        raise RuntimeError(f"{workload.held} named workers were busy instead of 2")
    return value


async def many_lanes(site: Site, workers: int, jobs_each: int) -> float:
    """Jobs per second when each named worker has only a few."""
    await site.tables.fill_lanes(workers, jobs_each)
    await site.tables.analyze()
    return await drain_rate(site, workers * jobs_each)


async def io_bound(site: Site, jobs: int) -> float:
    """Seconds for handlers that wait."""
    await fill(site, jobs, command=NAP)
    began = (await drain(site, jobs)).began
    _, end = await site.tables.completion(jobs)
    return end - began


def ideal_io_bound(jobs: int) -> float:
    """Seconds that waiting alone takes."""
    return jobs * NAP_SECONDS / CONCURRENCY


async def memory(site: Site, jobs: int) -> Mapping[str, float]:
    """Megabytes of a worker process after the first slice of the jobs, after half of them, and after all.

    Buffers of a fixed size may still fill up in the first half; what grows in the second is kept per job.
    """
    slice_size = jobs // _MEMORY_SLICES
    sizes = []
    async with WorkerProcess(site.url) as worker:
        await worker.go()
        for number in range(1, _MEMORY_SLICES + 1):
            await site.tables.fill(slice_size)
            await _until_completed(site, number * slice_size)
            sizes.append((await worker.report()).rss / _MEGABYTE)
    return {"before": sizes[0], "half": sizes[_MEMORY_SLICES // 2 - 1], "after": sizes[-1]}


def _rate(jobs: int, seconds: float) -> float:
    """Jobs per second; not a number where they all ended in the commit that their time is counted from."""
    return jobs / seconds if seconds else math.nan


async def _until_completed(site: Site, jobs: int) -> None:
    # Seldom: each look counts rows, which takes the machine away from the workers.
    async with asyncio.timeout(timing.patience(jobs)):
        while await site.tables.completed() < jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
