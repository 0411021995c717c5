"""The commands that the benchmarks run, and a worker of this process that runs them."""

from __future__ import annotations

import asyncio
import time

from benchmarks.peers import timing
from benchmarks.site import Site
from dbjobs import Jobs

# The default of jobs.start().
CONCURRENCY = 100
NAP_SECONDS = 0.05


class Workload:
    """A Jobs object with the benchmarks' commands.

    Attributes:
        tally: counts the runs of ``noop`` and ``nap``.
        held: runs of ``hold`` so far; each goes on until it is cancelled.
        stamps: request of a ``stamp`` -> when its handler started, in nanoseconds since the epoch.
    """

    def __init__(self, url: str) -> None:
        self.jobs = Jobs(url)
        self.tally = timing.Tally(asyncio.Event())
        self.held = 0
        self.stamps: dict[int, int] = {}
        for command in (self.noop, self.nap, self.hold, self.stamp):
            self.jobs.command(command)

    async def noop(self, request: int) -> None:
        self.tally.run()

    async def nap(self, request: int) -> None:
        await asyncio.sleep(NAP_SECONDS)
        self.tally.run()

    async def hold(self, request: int) -> None:
        self.held += 1
        await asyncio.Event().wait()

    async def stamp(self, request: int) -> None:
        self.stamps[request] = time.time_ns()

    async def run(self, site: Site, jobs: int, *, concurrency: int = CONCURRENCY) -> float:
        """Run a worker in this process until so many handlers have run and so many rows are in history.

        Handlers that still run then are cancelled and their jobs handed back.

        Returns:
            When the worker was started, on the tables' clock.

        Raises:
            RuntimeError: a job ran twice, or its row was lost.
        """
        self.tally.expect(jobs)
        async with self.jobs:
            live = await site.tables.left()
            began = await site.tables.now()
            async with asyncio.timeout(timing.patience(jobs)):
                async with self.jobs.start(concurrency=concurrency, grace_seconds=0):
                    await self.tally.reached.wait()
                    while await site.tables.completed() < jobs:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
        completed, left = await site.tables.completed(), await site.tables.left()
        if completed + left != live or self.tally.runs != completed:
            raise RuntimeError(
                f"dbjobs: of {live} jobs {completed} are completed and {left} are left, after {self.tally.runs} runs"
            )
        return began
