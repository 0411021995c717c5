"""The stop of a node and the close of a client end runs with grace."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dbjobs import Jobs, JobState, NotRunning, RunCancelled
from tests.conformance.helpers import Gate, eventually


async def test_a_stop_gives_runs_the_grace_of_jobs(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="last")(gate)
    nested: list[str] = []

    @jobs.command
    async def quick() -> str:
        return "quick"

    @jobs.command
    async def work() -> str:
        await gate()
        nested.append(await jobs.run(quick))
        return "done"

    async with jobs:
        async with jobs.start(grace_seconds=20) as engine:
            run = jobs.submit(work)
            await gate.wait_entered()
            engine.stop()
            asyncio.get_running_loop().call_later(0.05, gate.open)
        assert (run.state, await run, nested) == (JobState.COMPLETED, "done", ["quick"])


async def test_a_run_that_outlasts_the_grace_is_cancelled_with_the_reason(jobs: Jobs) -> None:
    gate, refused = Gate(), list[str]()

    @jobs.command
    async def quick() -> str:
        return "quick"

    @jobs.command
    async def work() -> None:
        try:
            await gate()
        except asyncio.CancelledError:
            with pytest.raises(NotRunning, match="workers of this process are stopping") as told:
                jobs.submit(quick)
            refused.append(str(told.value))
            raise

    async with jobs:
        async with jobs.start(grace_seconds=0):
            run = jobs.submit(work)
            waiting = jobs.submit(work, worker="w")
            behind = jobs.submit(work, worker="w")
            await eventually(lambda: gate.inside == 2, "both run")
        for ended in (run, waiting, behind):
            with pytest.raises(RunCancelled, match="was cancelled: the node") as caught:
                await ended
            assert caught.value.reason == "shutdown"
        assert len(refused) == 2
        assert await jobs.run(quick) == "quick", "the client is still open"


async def test_a_stop_leaves_a_thread_that_does_not_end(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()
    started = threading.Event()

    @jobs.command
    def hang() -> None:
        started.set()
        released.wait(30)

    try:
        async with jobs.start(grace_seconds=0, unresponsive_seconds=0.1) as engine:
            run = jobs.submit(hang, worker="w")
            await eventually(started.is_set, "it has started")
        assert [attempt.job.command for attempt in engine.left] == ["hang"]
        with pytest.raises(RunCancelled) as caught:
            await run
        assert caught.value.reason == "shutdown"
        assert "transient run 1 (hang) still runs in a thread" in caplog.text
    finally:
        released.set()
    [custody] = [thread for thread in threading.enumerate() if thread.name == "dbjobs-custody"]
    custody.join(20)
    assert not custody.is_alive()


async def test_the_close_of_a_client_waits_for_its_runs(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="work")(gate)
    async with jobs:
        run = jobs.submit("work")
        await gate.wait_entered()
        asyncio.get_running_loop().call_later(0.05, gate.open)
    assert run.state is JobState.COMPLETED
    with pytest.raises(NotRunning):
        await jobs.run("work")


def test_a_jobs_object_may_run_in_one_event_loop_after_another(jobs: Jobs) -> None:
    @jobs.command
    async def work(request: int) -> int:
        return request

    async def main(number: int) -> int:
        async with jobs:
            return await jobs.run(work, number, worker="w")

    assert [asyncio.run(main(number)) for number in range(2)] == [0, 1]
    assert len(jobs.runs.latest()) == 2
