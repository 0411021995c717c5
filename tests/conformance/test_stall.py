"""A handler that blocks the event loop is reported with its line, and does not make its node look dead."""

from __future__ import annotations

import time

import pytest

from dbjobs import JobContext, Jobs, JobState
from tests.conformance.helpers import nodes
from tests.servers import Target

pytestmark = pytest.mark.once


@pytest.mark.slow
async def test_a_blocked_loop_keeps_its_jobs_and_is_reported(
    url: str, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def register(jobs: Jobs) -> None:
        @jobs.command
        async def block(job: JobContext) -> str:
            attempts.append(job.attempt)
            time.sleep(3.5)  # noqa: ASYNC251 - the mistake that this is about
            return "done"

    # One node only: the others would run in the loop that is blocked. Its own rescue is what could take the job.
    lease_seconds = min(target.slowness, 2.5)
    async with nodes(url, 1, register, lease_seconds=lease_seconds, stall_seconds=0.5) as (jobs,):
        done = await jobs.wait(await jobs.enqueue("block"), timeout=20)
        assert jobs._client.engine is not None
    assert (done.state, done.attempt, attempts) == (JobState.COMPLETED, 1, [1])
    assert "the event loop has been blocked" in caplog.text
    assert "time.sleep(3.5)" in caplog.text
    assert "its lease" not in caplog.text


async def test_a_loop_that_turns_is_not_reported(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def fine() -> None: ...

    async with jobs.start(stall_seconds=1):
        for _ in range(20):
            await jobs.wait(await jobs.enqueue(fine), timeout=10)
    assert "blocked" not in caplog.text
