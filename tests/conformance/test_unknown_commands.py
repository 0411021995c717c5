"""A job whose command a node does not know is left for a node that does, and reported; never failed for it."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import Jobs, JobState
from dbjobs.engine import dispatcher
from tests.conformance.helpers import eventually, nodes, state_of, wait_all

pytestmark = pytest.mark.about_us


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_it_stays_queued_is_reported_and_runs_where_it_is_known(
    url: str,
    worker: str | None,
    jobs: Jobs,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatcher, "UNKNOWN_SECONDS", 0.1)
    jobs.declare("new_feature")

    @jobs.command
    async def old_feature() -> None: ...

    def register(other: Jobs) -> None:
        @other.command
        async def new_feature(request: int) -> int:
            return request

    async with jobs.start():
        ref = await jobs.enqueue("new_feature", 1, worker=worker)
        await wait_all(jobs, [await jobs.enqueue(old_feature) for _ in range(20)])
        assert await state_of(jobs, ref) is JobState.QUEUED
        await eventually(lambda: "'new_feature' is not registered on this node" in caplog.text, "it is reported")
        async with nodes(url, 1, register):
            done = await jobs.wait(ref, timeout=10)
    assert (done.state, done.response, done.attempt) == (JobState.COMPLETED, 1, 1)


async def test_many_unknown_jobs_in_front_do_not_stop_known_ones(jobs: Jobs) -> None:
    jobs.declare("elsewhere")

    @jobs.command
    async def here(request: int) -> int:
        return request

    async with jobs:
        await jobs.enqueue_many("elsewhere", range(3000))
        async with jobs.start():
            refs = await asyncio.gather(*(jobs.enqueue(here, number) for number in range(30)))
            assert [job.response for job in await wait_all(jobs, refs)] == list(range(30))
        assert len(await jobs.list(state="queued", limit=1000)) == 1000


async def test_a_declared_command_is_enqueued_with_its_defaults(jobs: Jobs) -> None:
    jobs.declare("elsewhere", queue="far", retry_limit=9, tag="t")
    async with jobs:
        job = await jobs.get(await jobs.enqueue("elsewhere", {"any": ["thing"]}))
    assert job is not None
    assert (job.queue, job.retry_limit, job.tag, job.request) == ("far", 9, "t", {"any": ["thing"]})
