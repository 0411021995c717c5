"""The handle of a run tells of it while it runs, and records tell of it later."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import InvalidOption, JobContext, JobFailed, Jobs, JobState, Run, RunCancelled
from tests.conformance.helpers import Gate, eventually


async def test_a_handle_tells_of_state_progress_and_log(jobs: Jobs) -> None:
    gate = Gate()
    told: list[Any] = []

    @jobs.command
    async def work(request: int, job: JobContext) -> int:
        job.log("one")
        job.progress(0.25, "a quarter")
        await gate()
        job.log("two", level="warning")
        return request * 2

    async def later(response: int) -> None:
        await asyncio.sleep(0)
        told.append(("later", response))

    async with jobs:
        run = jobs.submit(work, 21, tag="t", on_success=lambda response: told.append(response))
        run.on_success(later).on_failed(told.append)
        assert (run.state, run.finished, run.started_at) == (JobState.QUEUED, False, None)
        await gate.wait_entered()
        assert (run.state, run.progress, run.status) == (JobState.STARTED, 0.25, "a quarter")
        assert jobs.runs.running() == [run]
        with pytest.raises(TimeoutError, match=r"transient run 1 of 'work' has not ended within 0\.01 s"):
            await run.wait(timedelta(seconds=0.01))
        with pytest.raises(InvalidOption, match="wait: timeout='soon'"):
            await run.wait("soon")  # type: ignore[arg-type]
        assert run.state is JobState.STARTED, "who gives up waiting cancels nothing"
        gate.open()
        assert (await run.wait(20)) is run
        assert await run == 42
        assert await run == 42
        await eventually(lambda: told, "it is told")
        assert (run.state, run.error, run.cancel()) == (JobState.COMPLETED, None, False)
        assert [(line.level, line.message) for line in run.logs] == [("info", "one"), ("warning", "two")]
        assert run.duration_ms is not None
        assert (run.id, run.command, repr(run)) == (1, "work", "<Run 1 'work' completed>")
        with pytest.raises(InvalidOption, match="has ended already"):
            run.on_success(later)
    assert told == [42, ("later", 42)]


async def test_a_cancelled_run_says_so_to_all(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="work")(gate)
    told: list[BaseException] = []
    async with jobs:
        run = jobs.submit("work", worker="w", on_failed=told.append)
        behind = jobs.submit("work", worker="w")
        await gate.wait_entered()
        assert behind.cancel(), "one that waits for its lane"
        with pytest.raises(RunCancelled):
            await behind
        assert behind.started_at is None
        assert run.cancel()
        assert run.cancel_requested
        waits = await asyncio.gather(run.wait(), _result(run), _result(run))
        assert waits[0].state is JobState.CANCELLED
        assert all(isinstance(error, RunCancelled) and error.reason == "cancel" for error in waits[1:])
        await eventually(lambda: told, "it is told")
        assert told == [run.error]
    assert gate.cancelled == 1


async def _result(run: Run[Any]) -> BaseException | None:
    try:
        await run
    except JobFailed as error:
        return error
    return None


async def test_an_error_is_logged_unless_somebody_hears_of_it(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def fail(request: str) -> None:
        raise ValueError(request)

    def bad_listener(error: BaseException) -> None:
        raise RuntimeError("listener")

    async with jobs:
        with pytest.raises(ValueError, match="awaited"):
            await jobs.run(fail, "awaited")
        heard: list[BaseException] = []
        await jobs.submit(fail, "heard", on_failed=heard.append).wait()
        jobs.submit(fail, "alone")
        await eventually(lambda: len(jobs.runs.latest()) == 3, "it has ended")
        jobs.submit(fail, "listener", on_failed=bad_listener)
        await eventually(lambda: "listener" in caplog.text, "what a listener raises is logged")
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert errors[0].getMessage() == ("transient run 3 (fail) failed, and nobody waits for it: alone")
    assert len(errors) == 2


async def test_records_are_the_latest_and_timings_are_by_command(jobs: Jobs) -> None:
    @jobs.command
    async def count(request: int) -> int:
        if request < 3:
            raise ValueError(f"no {request}")
        return request

    @jobs.command
    async def other() -> None: ...

    async with jobs:
        for number in range(260):
            await jobs.submit(count, number, on_failed=lambda _: None).wait()
        await jobs.run(other, tag="t", user_id="u")
    latest = jobs.runs.latest(250)
    assert len(latest) == 250
    assert (latest[0].command, latest[0].tag, latest[0].user_id) == ("other", "t", "u")
    assert [record.request for record in latest[1:3]] == ["259", "258"]
    assert [(record.error_code, record.error) for record in jobs.runs.failed()] == [
        ("ValueError", f"ValueError: no {number}") for number in (2, 1, 0)
    ]
    assert "raise ValueError" in (jobs.runs.failed(1)[0].traceback or "")
    of_count, of_other = jobs.runs.timings()
    assert (of_count.command, of_count.count, of_count.failed, of_count.cancelled) == ("count", 260, 3, 0)
    assert (of_count.last_error, of_other.count, of_other.last_error) == ("ValueError: no 2", 1, None)
    assert 0 < of_count.min_ms <= of_count.median_ms <= of_count.max_ms <= of_count.total_ms
    with pytest.raises(InvalidOption, match="limit=0"):
        jobs.runs.latest(0)
