"""Requests and responses near the limit, many at a time: more together than a server takes in one packet."""

from __future__ import annotations

from dbjobs import JobContext, Jobs
from tests.conformance.helpers import assert_each_once, wait_all

COUNT = 24
CHARACTERS = 800_000  # a megabyte as JSON: 24 of them are more than MariaDB's 16 MiB


async def test_many_large_requests_and_responses(jobs: Jobs) -> None:
    @jobs.command
    async def turn(request: str, job: JobContext) -> str:
        job.log(request[:50_000])
        return request[::-1]

    async with jobs.start(concurrency=COUNT):
        refs = await jobs.enqueue_many(turn, [f"{number:02}" + "'x\\y" * (CHARACTERS // 4) for number in range(COUNT)])
        ended = await wait_all(jobs, refs, timeout=60)
        assert [str(job.response)[-2:][::-1] for job in ended] == [f"{number:02}" for number in range(COUNT)]
        assert {len(str(job.response)) for job in ended} == {CHARACTERS + 2}
        await assert_each_once(jobs, refs)
