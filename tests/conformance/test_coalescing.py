"""Concurrent enqueues may share a statement; each caller gets its own job or its own error."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import DatabaseError, InvalidRequest, JobRef, Jobs
from tests.conformance.helpers import whole_list

pytestmark = pytest.mark.about_us


async def echo(request: int) -> int:
    return request


async def test_each_concurrent_caller_gets_its_own_job(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        refs = await asyncio.gather(*(jobs.enqueue(echo, number) for number in range(1200)))
        assert len({ref.id for ref in refs}) == 1200
        assert len(await whole_list(jobs)) == 1200
        for number in (0, 1, 2, 499, 500, 501, 1199):
            job = await jobs.get(refs[number])
            assert job is not None
            assert job.request == number


async def test_one_caller_s_error_is_not_the_others_(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        results = await asyncio.gather(
            *(jobs.enqueue("echo", "wrong" if number == 7 else number) for number in range(20)),
            return_exceptions=True,
        )
        assert [type(result) for result in results].count(JobRef) == 19
        assert isinstance(results[7], InvalidRequest)
        assert len(await whole_list(jobs)) == 19


async def test_a_row_that_the_database_refuses_fails_its_own_caller_only(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        await jobs.enqueue(echo, 0)

        async def enqueue(number: int) -> JobRef:
            # A year that no database stores passes every check made before the statement.
            return await jobs.enqueue(echo, number, expires_after=3e9 if number == 7 else None)

        results = await asyncio.gather(*(enqueue(number) for number in range(20)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, DatabaseError)]
        stored = [result for result in results if isinstance(result, JobRef)]
        assert len(refused) + len(stored) == 20
        assert len(refused) <= 1
        assert {row.id for row in await whole_list(jobs)} >= {ref.id for ref in stored}


async def test_a_cancelled_caller_takes_no_one_with_it(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        tasks = [asyncio.create_task(jobs.enqueue(echo, number)) for number in range(50)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[25].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        stored = [result for result in results if isinstance(result, JobRef)]
        assert len(stored) == 48
        assert {row.id for row in await whole_list(jobs)} >= {ref.id for ref in stored}
        assert (await jobs.enqueue(echo, 1)).created
