"""The one drain: every scenario that measures how fast a worker of this process empties a queue runs it here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from benchmarks.ours.workload import CONCURRENCY, Workload
from benchmarks.peers import timing
from benchmarks.tables.site import Site


class Drained(NamedTuple):
    """When a drain began, and how long it took.

    Attributes:
        began: when the worker was started, on the tables' clock.
        seconds: from then until the last row was seen in history, on this process's clock, as the peers' drains are
            measured.
    """

    began: float
    seconds: float


async def fill(site: Site, jobs: int, *, command: str | None = None) -> None:
    """Queue jobs, and let the database know how many there are."""
    if command is None:
        await site.tables.fill(jobs)
    else:
        await site.tables.fill(jobs, command=command)
    await site.tables.analyze()


async def drain(
    site: Site,
    jobs: int,
    workload: Workload | None = None,
    *,
    unfinished: Callable[[], Awaitable[bool]] | None = None,
) -> Drained:
    """Run a worker in this process until this many handlers have run and this many rows are in history.

    Handlers that still run then are cancelled and their jobs handed back.

    Args:
        jobs: how many; the tables may hold more.
        unfinished: what tells more cheaply than a count that rows are on their way to history still.

    Raises:
        RuntimeError: a job ran twice, or its row was lost.
    """
    workload = workload or Workload(site.url)
    tally = workload.tally
    tally.expect(jobs)

    async def some_are_missing() -> bool:
        await asyncio.sleep(0.005)  # a count of rows takes the machine away from the worker
        return await site.tables.completed() < jobs

    async with workload.jobs:
        live = await site.tables.left()
        began, here = await site.tables.now(), time.perf_counter()
        async with asyncio.timeout(timing.patience(jobs)):
            async with workload.jobs.start(concurrency=CONCURRENCY, grace_seconds=0):
                await tally.reached.wait()
                await timing.until_finished(unfinished or some_are_missing)
                seconds = time.perf_counter() - here
    completed, left = await site.tables.completed(), await site.tables.left()
    if completed + left != live or tally.runs != completed:
        raise RuntimeError(
            f"dbjobs: of {live} jobs {completed} are completed and {left} are left, after {tally.runs} runs"
        )
    return Drained(began, seconds)


async def drain_rate(site: Site, jobs: int, workload: Workload | None = None) -> float:
    """Jobs per second of a drain, from the completion times in history, which the database itself has written."""
    began = (await drain(site, jobs, workload)).began
    _, end = await site.tables.completion(jobs)
    return jobs / (end - began)
