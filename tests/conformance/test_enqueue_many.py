"""enqueue_many stores all of its jobs or none, in the order of the requests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dbjobs import InvalidOption, InvalidRequest, Jobs, JobState
from tests.conformance.helpers import assert_each_once, eventually, wait_all, whole_list


async def echo(request: int) -> int:
    return request


# 1, just below and at the bulk form's threshold, and more than one statement's worth.
@pytest.mark.parametrize("count", [1, 3, 99, 100, 2500])
async def test_each_request_becomes_one_job_in_order(jobs: Jobs, count: int) -> None:
    jobs.command(echo)
    async with jobs:
        refs = await jobs.enqueue_many(echo, range(count))
        assert [ref.id for ref in refs] == sorted({ref.id for ref in refs})
        rows = await whole_list(jobs)
        assert {row.id for row in rows} == {ref.id for ref in refs}
        for position in (0, count // 2, count - 1):
            job = await jobs.get(refs[position])
            assert job is not None
            assert job.request == position


async def test_no_request_is_no_job(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        assert await jobs.enqueue_many(echo, []) == []
        assert await jobs.list() == []


@pytest.mark.parametrize("count", [5, 300])
async def test_options_hold_for_every_job(jobs: Jobs, count: int) -> None:
    jobs.command(echo)
    async with jobs:
        refs = await jobs.enqueue_many(
            echo, range(count), tag="t", queue="q", priority=3, user_id="u", retry_limit=4, timeout=5,
            args={"a": "b"}, meta={"c": 1}, created_by="me", reply_to="you", worker="lane", callback=echo, parent_id=9,
        )  # fmt: skip
        for ref in (refs[0], refs[-1]):
            job = await jobs.get(ref)
            assert job is not None
            assert (job.tag, job.queue, job.priority, job.user_id) == ("t", "q", 3, "u")
            assert (job.retry_limit, job.timeout_seconds) == (4, 5.0)
            assert (job.args, job.meta) == ({"a": "b"}, {"c": 1})
            assert (job.created_by, job.reply_to, job.worker) == ("me", "you", "lane")
            assert (job.callback, job.parent_id, job.state) == ("echo", 9, JobState.QUEUED)


@pytest.mark.parametrize("count", [5, 300])
async def test_times_hold_for_every_job(jobs: Jobs, count: int) -> None:
    jobs.command(echo)
    async with jobs:
        await jobs.enqueue_many(echo, range(count), run_after=timedelta(hours=1))
        assert {row.state for row in await whole_list(jobs)} == {JobState.SCHEDULED}


@pytest.mark.parametrize("count", [5, 1200])
async def test_a_batch_counts_its_jobs(jobs: Jobs, count: int) -> None:
    jobs.command(echo)
    async with jobs.start():
        refs = await jobs.enqueue_many(echo, range(count), batch_id="b")
        await wait_all(jobs, refs)
        progress = await jobs.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed) == (count, count)


@pytest.mark.parametrize("count", [10, 1500])
async def test_all_of_them_run_once(jobs: Jobs, count: int) -> None:
    jobs.command(echo)
    async with jobs.start():
        refs = await jobs.enqueue_many(echo, range(count))
        ended = await wait_all(jobs, refs)
        assert [job.response for job in ended] == list(range(count))
        await assert_each_once(jobs, refs)


async def test_one_bad_request_and_nothing_is_stored(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        with pytest.raises(InvalidRequest):
            await jobs.enqueue_many(echo, [*range(200), "x"])
        assert await jobs.list() == []


@pytest.mark.parametrize("option", [{"ref_id": "x"}, {"depends_on": 1}])
async def test_options_of_one_job_are_refused(jobs: Jobs, option: dict[str, object]) -> None:
    jobs.command(echo)
    async with jobs:
        with pytest.raises(InvalidOption, match="use enqueue"):
            await jobs.enqueue_many(echo, [1], **option)  # type: ignore[call-overload]


async def test_another_client_s_jobs_are_seen_by_running_nodes(url: str, jobs: Jobs) -> None:
    jobs.command(echo)
    client = Jobs(url)
    client.declare("echo")
    async with jobs.start(), client:
        await eventually(jobs.nodes, "the node is there")
        refs = await client.enqueue_many("echo", range(250), queue="never used before")
        assert [job.response for job in await wait_all(client, refs)] == list(range(250))
