"""Quick retries: a handler is called again inside the same attempt, within its timeout, and no longer than its job."""

from __future__ import annotations

import logging

import pytest

from dbjobs import Jobs, JobState, QuickRetry
from tests.conformance.helpers import eventually

pytestmark = pytest.mark.once

AT_ONCE = QuickRetry(times=3, base_seconds=0)


async def test_it_is_called_again_in_the_same_attempt_and_the_tries_are_logged(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    @jobs.command(quick_retry=AT_ONCE)
    def work(number: int) -> str:
        calls.append(number)
        if len(calls) < 3:
            raise ConnectionError("reset")
        return "done"

    with caplog.at_level(logging.INFO, "dbjobs"):
        async with jobs.start():
            done = await jobs.wait(await jobs.enqueue(work, 7), timeout=30)
            lines = await eventually(lambda: jobs.logs(done.id), "the lines are written")
    assert (done.state, done.response, done.attempt, done.errors) == (JobState.COMPLETED, "done", 1, ())
    assert calls == [7, 7, 7]
    assert [line.message for line in lines] == [
        "try 1 of 4 failed (ConnectionError: reset); the next one in 0.00 s",
        "try 2 of 4 failed (ConnectionError: reset); the next one in 0.00 s",
    ]
    assert {line.level for line in lines} == {"warning"}
    assert f"job {done.id} (work): try 2 of 4 failed (ConnectionError: reset)" in caplog.text
