"""``drain`` runs what is due and what follows from it, says what ran, and leaves the rest where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState
from dbjobs.testing import drain

LATER = timedelta(hours=1)


async def test_it_runs_what_is_due_and_what_follows_from_it(jobs: Jobs) -> None:
    order: list[str] = []

    @jobs.command(retry=Backoff(first_seconds=0))
    async def work(request: str, job: JobContext) -> str:
        order.append(request)
        if request == "again" and job.attempt == 1:
            raise ConnectionError("at once again")
        if request == "parent":
            await job.enqueue(work, "child")
        return request

    @jobs.command
    async def told(request: str) -> None:
        order.append(f"told {request}")

    @jobs.command
    async def stays() -> None: ...

    jobs.declare("elsewhere")
    async with jobs:
        parent = await jobs.enqueue(work, "parent", callback=told)
        after = await jobs.enqueue(work, "after", depends_on=parent)
        lane = [await jobs.enqueue(work, f"lane {number}", worker="lane") for number in range(3)]
        again = await jobs.enqueue(work, "again")
        left = [
            await jobs.enqueue(stays, run_after=LATER),
            await jobs.enqueue("elsewhere"),
            await jobs.enqueue(stays, queue="paused"),
        ]
        await jobs.queues.pause("paused")
        ran = await drain(jobs)
        states = [job.state for ref in left if (job := await jobs.get(ref)) is not None]
        assert await drain(jobs) == []
    assert {job.state for job in ran} == {JobState.COMPLETED}
    assert {parent.id, after.id, again.id, *(ref.id for ref in lane)} < {job.id for job in ran}
    assert len(ran) == 7  # the child, too, and none of them twice
    assert states == [JobState.SCHEDULED, JobState.QUEUED, JobState.QUEUED]
    assert sorted(order) == sorted(
        ["parent", "told parent", "child", "after", "again", "again", *(f"lane {number}" for number in range(3))]
    )
    assert [name for name in order if name.startswith("lane")] == ["lane 0", "lane 1", "lane 2"]


@pytest.mark.about_us
async def test_many_jobs_in_many_queues_and_lanes_are_all_run(jobs: Jobs) -> None:
    @jobs.command
    async def work(number: int) -> int:
        return number

    @jobs.command
    def plain(number: int) -> int:
        return number

    async with jobs:
        for queue in ("a", "b", "c"):
            await jobs.enqueue_many(work, range(300), queue=queue)
        await jobs.enqueue_many(plain, range(50), queue="threads")
        for lane in range(10):
            await jobs.enqueue_many(work, range(20), worker=f"lane {lane}")
        assert len(await drain(jobs)) == 1150
        assert await jobs.counts() == {}
