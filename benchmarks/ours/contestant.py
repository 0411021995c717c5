"""dbjobs under the scenarios that other libraries can be put through as well."""

from __future__ import annotations

import asyncio
import time

from benchmarks.ours.draining import drain, fill
from benchmarks.ours.worker_process import WorkerProcess
from benchmarks.ours.workload import CONCURRENCY, Workload
from benchmarks.peers import timing
from benchmarks.tables.job_tables import NOOP, STAMP
from benchmarks.tables.site import Site
from dbjobs import Jobs


class Ours:
    """dbjobs as shipped."""

    name = "dbjobs"
    settings = f"one process, jobs.start(concurrency={CONCURRENCY}), which is the default; all else as shipped too"
    keeps = "the whole row in history, with its request, response, times and duration; roll-ups per minute"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tables = site.tables

    async def prepare(self) -> None:
        """Make the tables. The first start loads the engine, which a library does when it is imported."""
        async with Jobs(self._site.url).start():
            pass

    async def check_fill(self) -> None:
        """See that the rows which the tables are filled with are the rows that an enqueue makes.

        Raises:
            RuntimeError: names the columns that differ.
        """
        workload = Workload(self._site.url)
        async with workload.jobs:
            await workload.jobs.enqueue_many(NOOP, range(100))
        made = (await self._tables.shape())[0]
        await self._tables.reset()
        await self._tables.fill(1)
        filled = (await self._tables.shape())[0]
        await self._tables.reset()
        differing = [name for name in made if made[name] != filled.get(name)]
        if differing:
            raise RuntimeError(f"the benchmark fills the live table unlike an enqueue: {', '.join(differing)}")

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second from one caller that waits for each enqueue."""
        workload = Workload(self._site.url)
        async with workload.jobs:
            value = await timing.rate_in_turn(jobs, lambda: workload.jobs.enqueue(NOOP, 1))
        await self._check_stored(jobs)
        return value

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """Jobs per second from `tasks` such callers at once."""
        workload = Workload(self._site.url)
        async with workload.jobs:
            value = await timing.rate_at_once(jobs, tasks, lambda: workload.jobs.enqueue(NOOP, 1))
        await self._check_stored(jobs)
        return value

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second through the bulk call."""
        workload = Workload(self._site.url)
        async with workload.jobs:
            value = await timing.rate(jobs, workload.jobs.enqueue_many(NOOP, range(jobs)))
        await self._check_stored(jobs)
        return value

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the start of a worker in this process to the last row in history."""
        workload = Workload(self._site.url)
        await fill(self._site, jobs)
        drained = await drain(self._site, jobs, workload, unfinished=self._tables.moving)
        timing.check_once_each(self.name, jobs, workload.tally.runs, await self._tables.completed())
        return jobs / drained.seconds

    async def latency(self, jobs: int) -> list[float]:
        """Milliseconds from the enqueue call to the start of the handler.

        On PostgreSQL the idle worker is another process of this machine; an SQLite file is used by one.
        """
        workload = Workload(self._site.url)
        if self._site.dialect == "sqlite":
            async with workload.jobs.start(concurrency=CONCURRENCY):
                called = await self._enqueue_in_time(workload, jobs)
                await self._until_completed(len(called))
            stamps = workload.stamps
        else:
            async with workload.jobs, WorkerProcess(self._site.url) as worker:
                await worker.go()
                called = await self._enqueue_in_time(workload, jobs)
                await self._until_completed(len(called))
                stamps = (await worker.report()).stamps
        return timing.counted([(stamps[number] - began) / 1e6 for number, began in enumerate(called)])

    async def _enqueue_in_time(self, workload: Workload, jobs: int) -> list[int]:
        called = []
        for number, pause in enumerate(timing.pauses(jobs)):
            await asyncio.sleep(pause)
            called.append(time.time_ns())
            await workload.jobs.enqueue(STAMP, number)
        return called

    async def _until_completed(self, jobs: int) -> None:
        async with asyncio.timeout(timing.patience(jobs)):
            while await self._tables.completed() < jobs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _check_stored(self, jobs: int) -> None:
        if (stored := await self._tables.left()) != jobs:
            raise RuntimeError(f"dbjobs: {jobs} jobs enqueued, {stored} stored")
