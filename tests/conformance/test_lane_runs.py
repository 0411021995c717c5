"""A lane's run of jobs is claimed at once, and yet every job between two others may be its last."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import Jobs, JobState
from dbjobs.engine import pace, runner
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.finisher import Finisher
from dbjobs.store.records import Outcome
from tests.conformance.helpers import Gate, eventually, state_of, wait_all

pytestmark = pytest.mark.about_us


@pytest.fixture(autouse=True)
def long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are as long as they may be, although the jobs here take their time."""
    monkeypatch.setattr(pace.Pace, "run_length", lambda self: 200)


async def test_jobs_handed_back_together_release_their_lane_with_the_last(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    submitted: list[tuple[str | None, int, bool]] = []
    submit = Finisher.submit

    def noting(self: Finisher, attempt: Attempt, outcome: Outcome) -> None:
        submitted.append((attempt.job.worker, outcome.id, outcome.release_worker or outcome.block_worker))
        submit(self, attempt, outcome)

    monkeypatch.setattr(Finisher, "submit", noting)
    jobs.command(name="work")(gate)
    async with jobs:
        refs = {
            worker: [await jobs.enqueue("work", worker=worker) for _ in range(5)] for worker in ("running", "waits")
        }
        async with jobs.start(concurrency=2, grace_seconds=0) as engine:
            await eventually(lambda: len(engine._runners.memory.held) == 10, "both runs are claimed")
            await eventually(lambda: gate.inside == 2, "both run")
        for worker, own in refs.items():
            mine = [(id, frees) for name, id, frees in submitted if name == worker]
            assert sorted(id for id, _ in mine) == [ref.id for ref in own]
            assert [frees for _, frees in mine] == [False] * 4 + [True]
            assert [await state_of(jobs, ref) for ref in own] == [JobState.QUEUED] * 5


async def test_a_run_ends_when_its_queue_is_paused(jobs: Jobs) -> None:
    done: list[int] = []

    @jobs.command
    async def work(request: int) -> None:
        await asyncio.sleep(0.01)
        done.append(request)

    async with jobs:
        await jobs.queues.resume("q")
        refs = [await jobs.enqueue(work, n, worker="w", queue="q") for n in range(100)]
        async with jobs.start() as engine:
            await eventually(lambda: len(done) >= 3, "the run has begun")
            await jobs.queues.pause("q")
            await eventually(lambda: not engine._queues.serves("q"), "the node knows")
            count = len(done)
            await eventually(lambda: not engine._runners.memory.held, "the run is over")
            assert len(done) <= count + 1
            await jobs.queues.resume("q")
            await wait_all(jobs, refs)
    assert done == [*range(100)]


async def test_a_run_ends_when_the_node_stops(jobs: Jobs) -> None:
    done: list[int] = []

    @jobs.command
    async def work(request: int) -> None:
        await asyncio.sleep(0.01)
        done.append(request)

    async with jobs:
        refs = [await jobs.enqueue(work, n, worker="w") for n in range(150)]
        async with jobs.start(grace_seconds=30):
            await eventually(lambda: len(done) >= 3, "the run has begun")
            count = len(done)
        assert len(done) <= count + 2, "the grace is for the job that runs"
        async with jobs.start():
            await wait_all(jobs, refs)
    assert done == [*range(150)], "the order is kept"


async def test_a_run_that_takes_long_lets_other_lanes_have_their_turn(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_RUN_SECONDS", 0.1)
    done: list[str] = []

    @jobs.command
    async def work(request: str) -> None:
        await asyncio.sleep(0.02)
        done.append(request)

    async with jobs:
        long = [await jobs.enqueue(work, "a", worker="a") for _ in range(60)]
        async with jobs.start(concurrency=1):
            await eventually(lambda: len(done) >= 2, "the run has begun")
            other = await jobs.enqueue(work, "b", worker="b")
            await jobs.wait(other, timeout=10)
            assert done.index("b") < 40
            await wait_all(jobs, long)
    assert done.count("a") == 60


async def test_a_job_of_a_run_that_is_cancelled_before_its_turn_does_not_start(jobs: Jobs) -> None:
    gate = Gate()
    started: list[int] = []

    @jobs.command
    async def work(request: int) -> None:
        started.append(request)
        if request == 0:
            await gate()

    async with jobs:
        refs = [await jobs.enqueue(work, n, worker="w") for n in range(4)]
        async with jobs.start() as engine:
            await gate.wait_entered()
            await eventually(lambda: len(engine._runners.memory.held) == 4, "the whole run is claimed")
            await jobs.cancel(refs[2])
            gate.open()
            ended = await wait_all(jobs, refs)
    assert [job.state for job in ended] == [
        JobState.COMPLETED, JobState.COMPLETED, JobState.CANCELLED, JobState.COMPLETED,
    ]  # fmt: skip
    assert started == [0, 1, 3]
