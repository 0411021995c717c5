"""wait returns the job as it ended, whoever ran it, or says that it took too long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import InvalidOption, JobFailed, Jobs, JobState, NotRunning, UnknownJob


async def echo(request: Any) -> Any:
    return request


async def test_it_returns_what_another_process_would_have_run(url: str, jobs: Jobs) -> None:
    jobs.command(echo)
    client = Jobs(url)
    client.declare("echo")
    async with client, jobs.start():
        ref = await client.enqueue("echo", 5)
        done = await client.wait(ref, timeout=10)
    assert (done.state, done.response) == (JobState.COMPLETED, 5)


async def test_it_times_out_and_leaves_the_job_alone(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo)
        with pytest.raises(TimeoutError):
            await jobs.wait(ref, timeout=0.05)
        job = await jobs.get(ref)
        assert job is not None
        assert job.state is JobState.QUEUED
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_many_may_wait_for_one_job(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs.start():
        ref = await jobs.enqueue(echo, 1, run_after=0.1)
        ended = await asyncio.gather(*(jobs.wait(ref.id, timeout=10) for _ in range(20)))
    assert {job.response for job in ended} == {1}


async def test_a_failure_raises_if_asked(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def fail() -> None:
        raise ValueError("the reason")

    async with jobs.start():
        ref = await jobs.enqueue(fail)
        with pytest.raises(JobFailed, match=r"fail.*failed.*the reason"):
            await jobs.wait(ref, timeout=10, raise_on_failure=True)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.FAILED


async def test_an_unknown_job_is_named(jobs: Jobs) -> None:
    async with jobs:
        with pytest.raises(UnknownJob, match="31337"):
            await jobs.wait(31337, timeout=10)
        assert await jobs.get(31337) is None


async def test_what_is_not_a_job_is_refused(jobs: Jobs) -> None:
    async with jobs:
        with pytest.raises(InvalidOption, match="get_by_ref_id"):
            await jobs.get("order-1")  # type: ignore[arg-type]


async def test_nothing_works_before_it_is_opened(jobs: Jobs) -> None:
    jobs.command(echo)
    with pytest.raises(NotRunning, match="async with jobs"):
        await jobs.enqueue(echo)


async def test_lists_are_pages_newest_first(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs.start():
        old = await jobs.enqueue_many(echo, range(30), tag="t")
        for ref in old:
            await jobs.wait(ref, timeout=10)
        new = await jobs.enqueue_many(echo, range(30), run_after=60, user_id="u")
        everything = [ref.id for ref in (*old, *new)][::-1]
        first = await jobs.list(limit=40)
        rest = await jobs.list(limit=40, before_id=first[-1].id)
        assert [row.id for row in (*first, *rest)] == everything
        assert [row.id for row in await jobs.list(state="scheduled", limit=100)] == everything[:30]
        assert [row.id for row in await jobs.list(state=JobState.COMPLETED, tag="t")] == everything[30:]
        assert [row.id for row in await jobs.list(history_only=True)] == everything[30:]
        assert len(await jobs.list(user_id="u")) == 30
        assert await jobs.list(command="other") == []
        assert await jobs.list(state="failed") == []
        with pytest.raises(InvalidOption, match="limit"):
            await jobs.list(limit=0)
