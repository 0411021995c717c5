"""A node claims a little more than it has slots for; these jobs must not wait for it when others are free."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import Jobs, JobState
from dbjobs.engine import finisher
from dbjobs.engine.pace import Pace
from tests.conformance.helpers import Gate, eventually, nodes, wait_all

pytestmark = pytest.mark.about_us


@pytest.mark.parametrize("lanes", [False, True], ids=["free jobs", "named workers"])
async def test_what_gets_no_slot_is_handed_back_and_runs_elsewhere(
    url: str, monkeypatch: pytest.MonkeyPatch, lanes: bool
) -> None:
    monkeypatch.setattr(Pace, "ahead", lambda pace: 10)
    gate, ran = Gate(), []

    def register_slow(jobs: Jobs) -> None:
        jobs.command(name="work", retry_limit=0)(gate)

    def register_fast(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        async def work() -> None:
            ran.append(1)

    async with Jobs(url) as client:
        client.declare("work")
        async with nodes(url, 1, register_slow, concurrency=1) as (slow,):
            refs = [await client.enqueue("work", worker=f"w{n}" if lanes else None, retry_limit=0) for n in range(5)]
            await gate.wait_entered()
            engine = slow._client.engine
            assert engine is not None
            await eventually(lambda: len(engine._runners.memory.held) == 5, "all are claimed")
            monkeypatch.undo()
            async with nodes(url, 1, register_fast):
                await eventually(lambda: len(ran) == 4, "the other node runs what the first one cannot")
                gate.open()
                ended = await wait_all(client, refs)
    assert {(job.state, job.errors) for job in ended} == {(JobState.COMPLETED, ())}
    assert len(ran) == 4


@pytest.mark.parametrize("lanes", [False, True], ids=["free jobs", "named workers"])
async def test_claims_go_on_as_soon_as_waiting_outcomes_are_written(
    jobs: Jobs, no_polling: None, monkeypatch: pytest.MonkeyPatch, lanes: bool
) -> None:
    """Not at the next poll: jobs that end faster than they are written stop the claims for a moment only."""
    monkeypatch.setattr(finisher, "MOST_WAITING", 20)

    @jobs.command
    async def work() -> None: ...

    async with jobs:
        refs = await asyncio.gather(
            *(jobs.enqueue(work, worker=f"w{number % 100}" if lanes else None) for number in range(400))
        )
        async with jobs.start():
            await wait_all(jobs, refs)
