"""Within a queue, lower priority numbers run first, and among equals the older job."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import Jobs
from tests.conformance.helpers import SLACK_SECONDS, Runs, soon, wait_all

pytestmark = pytest.mark.about_us


async def test_jobs_start_by_priority_and_then_by_age(jobs: Jobs) -> None:
    runs = Runs()

    @jobs.command
    async def note(request: str) -> None:
        runs.order.append(request)

    async with jobs:
        refs = [
            await jobs.enqueue(note, name, priority=priority)
            for name, priority in [("d", 5), ("b", 0), ("a", -3), ("c", 0), ("e", 5)]
        ]
        async with jobs.start(concurrency=1):
            await wait_all(jobs, refs)
    assert runs.order == ["a", "b", "c", "d", "e"]


async def test_an_urgent_job_passes_a_backlog_that_is_being_worked_on(jobs: Jobs) -> None:
    """Claims go on where the last one ended; a look from the start comes within 250 ms."""
    order: list[str] = []
    started = asyncio.Event()

    @jobs.command
    async def slow(request: str) -> None:
        order.append(request)
        started.set()
        await asyncio.sleep(0.01)

    async with jobs.start(concurrency=2):
        backlog = await jobs.enqueue_many(slow, ["normal"] * 300)
        await soon(started, "the backlog is being worked on")
        urgent = await jobs.enqueue(slow, "urgent", priority=-1)
        await jobs.wait(urgent, timeout=10)
        assert len(order) < 200, "the urgent job waited for the backlog"
        await wait_all(jobs, backlog)


async def test_an_urgent_job_behind_the_place_of_the_last_claim_is_seen_at_once(url: str, jobs: Jobs) -> None:
    """Claims go on where the last one ended; a more urgent job lies in front of that place."""
    done = asyncio.Event()

    @jobs.command
    async def note(request: str) -> None:
        if request == "urgent":
            done.set()

    client = Jobs(url)
    client.declare("note")
    async with jobs.start(), client:
        await wait_all(jobs, await jobs.enqueue_many(note, ["normal"] * 50))
        await client.enqueue("note", "urgent", priority=-100)
        await soon(done, "an urgent job of another client starts", timeout=SLACK_SECONDS)
