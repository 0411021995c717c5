"""wait returns the job as it ended, wherever it ran, or says that it took too long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import InvalidOption, JobFailed, Jobs, JobState, NotRunning, UnknownJob
from tests.conformance.helpers import eventually
from tests.servers import Target

pytestmark = pytest.mark.about_us


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


async def test_many_who_wait_cost_one_look_at_a_time(
    url: str, target: Target, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.command(echo)
    client = Jobs(url)
    client.declare("echo")
    async with client:
        refs = await client.enqueue_many("echo", range(300))
        db, looks, under_way = client._client.db, 0, 0
        fetch = db.fetch

        async def counted(statement: str, /, **parameters: Any) -> Any:
            nonlocal looks, under_way
            looks, under_way = looks + 1, under_way + 1
            assert under_way == 1
            try:
                return await fetch(statement, **parameters)
            finally:
                under_way -= 1

        monkeypatch.setattr(db, "fetch", counted)
        waiting = [asyncio.create_task(client.wait(ref, timeout=60)) for ref in refs]
        await eventually(lambda: looks >= 5, "it has looked several times")
        async with jobs.start():
            done = await asyncio.gather(*waiting)
    assert [job.response for job in done] == list(range(300))
    assert looks < 300 * target.slowness  # the longer the jobs take, the more often somebody looks


async def test_one_who_gives_up_leaves_the_others_waiting(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo, 1)
        other = asyncio.create_task(jobs.wait(ref, timeout=10))
        with pytest.raises(TimeoutError):
            await jobs.wait(ref, timeout=0.05)
        async with jobs.start():
            assert (await other).response == 1


async def test_whoever_waits_when_the_client_closes_is_told(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        waiting = asyncio.create_task(jobs.wait(await jobs.enqueue(echo, 1)))
        await eventually(lambda: bool(jobs._client.waits._awaited), "it waits")
    with pytest.raises(NotRunning, match="closed"):
        await waiting


def test_one_application_waits_in_one_event_loop_after_another(url: str) -> None:
    jobs = Jobs(url)
    jobs.command(echo)

    async def wait() -> Any:
        async with jobs.start():
            ref = await jobs.enqueue(echo, 1, run_after=0.3)
            return (await jobs.wait(ref, timeout=60)).response

    assert [asyncio.run(wait()), asyncio.run(wait())] == [1, 1]


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
            await jobs.get("order-1")  # type: ignore[call-overload]


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
