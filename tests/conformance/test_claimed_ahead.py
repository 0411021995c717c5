"""A node claims a little more than it has slots for; these jobs must not wait for it when others are free."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from dbjobs import Jobs, JobState
from dbjobs.engine import finisher, runner
from dbjobs.engine.pace import Pace
from tests.conformance.helpers import Gate, eventually, nodes, state_of, wait_all

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
async def test_a_pause_holds_for_what_was_claimed_ahead(
    url: str, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, lanes: bool
) -> None:
    """Only what runs goes on: jobs that wait in memory for a slot are handed back."""
    monkeypatch.setattr(Pace, "ahead", lambda pace: 10)
    monkeypatch.setattr(runner, "UNSTARTED_SECONDS", 600.0)
    gate = Gate()
    jobs.command(name="work")(gate)
    other = Jobs(url)
    other.declare("work")
    async with other:
        refs = [await other.enqueue("work", queue="q", worker=f"w{n}" if lanes else None) for n in range(5)]
        async with jobs.start(concurrency=1):
            await gate.wait_entered()
            engine = jobs._client.engine
            assert engine is not None
            await eventually(lambda: len(engine._runners.memory.held) == 5, "all are claimed")
            await other.queues.pause("q")
            await eventually(lambda: engine._queues.is_paused("q"), "the pause is known")
            gate.open()
            await eventually(lambda: not engine._runners.memory.held, "nothing is in memory")
        states = Counter([await state_of(other, ref) for ref in refs])
        assert states == {JobState.COMPLETED: 1, JobState.QUEUED: 4}
        await other.queues.resume("q")
        async with jobs.start():
            assert {job.attempt for job in await wait_all(other, refs)} == {1, 2}


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
