"""A batch counts its jobs exactly, whatever becomes of them and on whatever node."""

from __future__ import annotations

import asyncio

from dbjobs import Backoff, Cancel, JobContext, Jobs
from tests.conformance.helpers import nodes, wait_all


async def work(request: str, job: JobContext) -> None:
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no")
    if request == "retry" and job.attempt == 1:
        raise ValueError("not yet")


def register(jobs: Jobs) -> None:
    jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01, jitter=0))(work)


async def test_every_end_is_counted_once(url: str) -> None:
    async with nodes(url, 2, register) as (jobs, other):
        requests = ["ok"] * 40 + ["fail"] * 10 + ["cancel"] * 5 + ["retry"] * 8
        refs = list(await asyncio.gather(*(jobs.enqueue(work, request, batch_id="b") for request in requests)))
        stopped = [await other.enqueue(work, "ok", batch_id="b", run_after=60) for _ in range(3)]
        for ref in stopped:
            await jobs.cancel(ref)
        await wait_all(jobs, refs)
        progress = await other.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed, progress.failed, progress.cancelled) == (66, 48, 10, 8)
    assert progress.finished


async def test_an_unfinished_batch_says_so(jobs: Jobs) -> None:
    register(jobs)
    async with jobs.start():
        await wait_all(jobs, [await jobs.enqueue(work, "ok", batch_id="b")])
        await jobs.enqueue(work, "ok", batch_id="b", run_after=60)
        progress = await jobs.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed, progress.finished) == (2, 1, False)


async def test_children_cancelled_with_their_parent_are_counted(jobs: Jobs) -> None:
    register(jobs)
    async with jobs.start():
        parent = await jobs.enqueue(work, "cancel", batch_id="b")
        child = await jobs.enqueue(work, "ok", batch_id="b", depends_on=parent)
        grandchild = await jobs.enqueue(work, "ok", batch_id="other", depends_on=child)
        await wait_all(jobs, [parent, child, grandchild])
        progress, other = await jobs.batch("b"), await jobs.batch("other")
    assert progress is not None
    assert other is not None
    assert (progress.total, progress.cancelled) == (2, 2)
    assert (other.total, other.cancelled) == (1, 1)


async def test_a_batch_nobody_used_is_none(jobs: Jobs) -> None:
    async with jobs:
        assert await jobs.batch("never") is None
