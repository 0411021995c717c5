"""A job that was not started before it expired is cancelled; one that has started is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import Gate, wait_all


async def echo(request: Any) -> Any:
    return request


@pytest.mark.parametrize(
    "options", [{}, {"run_after": 60}, {"worker": "w"}], ids=["queued", "scheduled", "named worker"]
)
async def test_a_job_that_did_not_start_in_time_is_cancelled(jobs: Jobs, options: dict[str, Any]) -> None:
    jobs.command(echo)
    async with jobs.start(queues=["other"]):
        ref = await jobs.enqueue(echo, expires_after=timedelta(seconds=0.1), **options)
        child = await jobs.enqueue(echo, depends_on=ref)
        done, after = await wait_all(jobs, [ref, child])
    assert (done.state, done.error_code, done.attempt) == (JobState.CANCELLED, "expired", 0)
    assert after.state is JobState.CANCELLED


async def test_a_waiting_child_expires(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs.start():
        parent = await jobs.enqueue("slow")
        child = await jobs.enqueue(echo, depends_on=parent, expires_after=0.1)
        assert (await jobs.wait(child, timeout=10)).error_code == "expired"
        gate.open()
        assert (await jobs.wait(parent, timeout=10)).state is JobState.COMPLETED


async def test_a_running_job_does_not_expire(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs.start(queues=["default"]):
        ref = await jobs.enqueue("slow", expires_after=0.5)
        await gate.wait_entered()
        other = await jobs.enqueue(echo, queue="nobody", expires_after=1.0)
        assert (await jobs.wait(other, timeout=10)).error_code == "expired"
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_an_expired_job_is_never_started(jobs: Jobs) -> None:
    calls: list[str] = []

    @jobs.command
    async def note(request: str) -> None:
        calls.append(request)

    async with jobs:
        refs = [await jobs.enqueue(note, "late", expires_after=0, worker=worker) for worker in (None, "w")]
        async with jobs.start():
            refs.append(await jobs.enqueue(note, "in time", expires_after=60))
            await wait_all(jobs, refs)
    assert calls == ["in time"]


async def test_an_expired_head_does_not_stop_its_lane(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        refs = [await jobs.enqueue(echo, worker="w", expires_after=0) for _ in range(3)]
        refs.append(await jobs.enqueue(echo, worker="w"))
        async with jobs.start():
            ended = await wait_all(jobs, refs)
    assert [job.state for job in ended] == ["cancelled"] * 3 + ["completed"]
