"""A job with run_after does not start before its time, and starts soon after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.database import make_database
from tests.conformance.helpers import SLACK_SECONDS, nodes, state_of, wait_all
from tests.servers import Target

pytestmark = pytest.mark.about_us


async def work(request: Any) -> None: ...


@pytest.mark.parametrize(
    "after",
    [
        timedelta(seconds=0.4),
        0.4,
        pytest.param("moment", id="aware datetime"),
    ],
    ids=str,
)
async def test_it_starts_at_its_time(jobs: Jobs, after: Any) -> None:
    jobs.command(work)
    async with jobs.start():
        await jobs.wait(await jobs.enqueue(work), timeout=10)
        when = datetime.now(UTC) + timedelta(seconds=0.4) if after == "moment" else after
        ref = await jobs.enqueue(work, run_after=when)
        assert await state_of(jobs, ref) is JobState.SCHEDULED
        done = await jobs.wait(ref, timeout=10)
    assert done.run_after is not None
    assert done.started_at is not None
    late = (done.started_at - done.run_after).total_seconds()
    assert 0 <= late < SLACK_SECONDS, f"{late} s late"


async def test_a_moment_of_another_time_zone_is_the_same_moment(jobs: Jobs) -> None:
    from datetime import timezone

    jobs.command(work)
    moment = datetime(2100, 1, 1, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
    async with jobs:
        job = await jobs.get(await jobs.enqueue(work, run_after=moment))
    assert job is not None
    assert job.run_after == moment


@pytest.mark.parametrize("after", [0, timedelta(0), datetime(2020, 1, 1, tzinfo=UTC)], ids=str)
async def test_a_time_that_is_over_means_now(jobs: Jobs, after: Any) -> None:
    jobs.command(work)
    async with jobs:
        assert await state_of(jobs, await jobs.enqueue(work, run_after=after)) is JobState.QUEUED


async def test_another_node_s_scheduled_job_is_seen_in_time(url: str, jobs: Jobs, target: Target) -> None:
    jobs.declare("work")
    async with nodes(url, 2, lambda node: node.command(work)), jobs:
        refs = [await jobs.enqueue("work", run_after=0.1 * number) for number in range(1, 8)]
        for job in await wait_all(jobs, refs):
            assert job.run_after is not None
            assert job.started_at is not None
            assert 0 <= (job.started_at - job.run_after).total_seconds() < SLACK_SECONDS * target.slowness


async def test_many_due_at_once_all_run_once(url: str) -> None:
    runs: list[int] = []

    async def count(request: int) -> None:
        runs.append(request)

    async with nodes(url, 2, lambda jobs: jobs.command(count)) as (jobs, _):
        refs = await jobs.enqueue_many(count, range(1500), run_after=0.3)
        await wait_all(jobs, refs)
    assert sorted(runs) == list(range(1500))


async def test_a_scheduled_job_can_be_cancelled_before_its_time(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs.start():
        ref = await jobs.enqueue(work, run_after=0.2)
        assert await jobs.cancel(ref)
        later = await jobs.enqueue(work, run_after=0.3)
        await jobs.wait(later, timeout=10)
        await asyncio.sleep(0)
        assert await state_of(jobs, ref) is JobState.CANCELLED


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_look_for_due_jobs_hides_no_ready_one_from_a_claim(jobs: Jobs, url: str) -> None:
    jobs.command(work)
    async with jobs:
        ready = await jobs.enqueue(work)
        db = make_database(url)
        await db.open()
        try:
            node_id = await repository.register_node(db, "claims", 60, "{}")
            async with db.transaction() as look:
                assert await repository.promote_jobs(look, 1000) == []
                claimed = await repository.claim_jobs(db, node_id, [("default", 10, -1, 0)], 10, ["work"])
        finally:
            await db.close()
    assert [job.id for job in claimed] == [ready.id]
