"""The commands that the benchmarks run."""

from __future__ import annotations

import asyncio
import time

from benchmarks.peers import timing
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
