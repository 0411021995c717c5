"""An enqueue in the caller's own transaction exists if and only if that commits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import InvalidOption, Jobs, JobState, RefIdExists
from tests.conformance.helpers import whole_list
from tests.conformance.raw import Raw


async def echo(request: Any) -> Any:
    return request


async def test_a_commit_brings_the_job_and_the_caller_s_rows(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs.start(), raw.connection() as own:
        await own.begin()
        await own.execute("INSERT INTO note VALUES ('mine')")
        ref = await jobs.enqueue(echo, 5, connection=own.driver)
        assert await jobs.get(ref) is None, "visible before the commit"
        await own.commit()
        assert (await jobs.wait(ref, timeout=10)).response == 5
    assert await raw.notes() == ["mine"]


async def test_a_rollback_takes_both_away(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        await own.begin()
        await own.execute("INSERT INTO note VALUES ('mine')")
        ref = await jobs.enqueue(echo, 5, connection=own.driver, ref_id="r", batch_id="b")
        await own.rollback()
        assert await jobs.get(ref) is None
        assert await jobs.get_by_ref_id("r") is None
        assert await jobs.batch("b") is None
        assert await whole_list(jobs) == []
    assert await raw.notes() == []


@pytest.mark.parametrize("count", [3, 250])
@pytest.mark.parametrize("commits", [True, False])
async def test_many_jobs_come_or_go_together(jobs: Jobs, raw: Raw, count: int, commits: bool) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        await own.begin()
        refs = await jobs.enqueue_many(echo, range(count), connection=own.driver)
        assert len(refs) == count
        assert await whole_list(jobs) == []
        await (own.commit if commits else own.rollback)()
        assert len(await whole_list(jobs)) == (count if commits else 0)


async def test_every_kind_of_job_takes_part(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        parent = await jobs.enqueue(echo, ref_id="parent")
        await own.begin()
        child = await jobs.enqueue(echo, connection=own.driver, depends_on="parent")
        late = await jobs.enqueue(echo, connection=own.driver, run_after=3600)
        lane = await jobs.enqueue(echo, connection=own.driver, worker="w", queue="never used")
        same = await jobs.enqueue(echo, connection=own.driver, ref_id="parent")
        assert (same.id, same.created) == (parent.id, False)
        with pytest.raises(RefIdExists):
            await jobs.enqueue(echo, connection=own.driver, ref_id="parent", on_conflict="raise")
        await own.commit()
        states = {row.id: row.state for row in await whole_list(jobs)}
    assert states == {
        parent.id: JobState.QUEUED,
        child.id: JobState.WAITING,
        late.id: JobState.SCHEDULED,
        lane.id: JobState.QUEUED,
    }


async def test_the_caller_s_connection_is_its_own_again(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        for number in range(3):
            await own.begin()
            await jobs.enqueue(echo, connection=own.driver)
            await own.execute(f"INSERT INTO note VALUES ('{number}')")
            await own.commit()
        assert len(await whole_list(jobs)) == 3
    assert await raw.notes() == ["0", "1", "2"]


async def test_what_is_not_a_connection_of_this_database_is_refused(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        with pytest.raises(InvalidOption, match="connection"):
            await jobs.enqueue(echo, connection="postgresql://")
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_first_job_of_a_queue_does_not_wait_for_an_open_transaction(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        await own.begin()
        await jobs.enqueue(echo, connection=own.driver, queue="new")
        async with asyncio.timeout(5):
            assert (await jobs.enqueue(echo, queue="new")).created
        await own.rollback()
