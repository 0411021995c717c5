"""Follows the demo's jobs from outside, as any client of the database could."""

from __future__ import annotations

import asyncio

from dbjobs import Jobs, JobState
from dbjobs.demo.display import Display

POLL_SECONDS = 0.1


async def follow(jobs: Jobs, *, batch_id: str, until: asyncio.Event, display: Display) -> None:
    """Show the batch, and each failed attempt once; one last time when ``until`` is set."""
    told: set[tuple[int, int]] = set()
    over = False
    while not over:
        over = until.is_set()
        await _tell_failures(jobs, batch_id, told, display)
        batch = await jobs.batch(batch_id)
        if batch is not None:
            display.show(batch)
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await until.wait()
        except TimeoutError:
            pass  # look again


async def _tell_failures(jobs: Jobs, batch_id: str, told: set[tuple[int, int]], display: Display) -> None:
    for state in (JobState.SCHEDULED, JobState.FAILED):
        for summary in await jobs.list(batch_id=batch_id, state=state, limit=20):
            if (summary.id, summary.attempt) not in told:
                told.add((summary.id, summary.attempt))
                end = "it has failed for good" if state is JobState.FAILED else "it will be tried again"
                display.note(f"job {summary.id} ({summary.command}), attempt {summary.attempt}: {summary.error}; {end}")
