"""A batch counts its jobs exactly, whatever becomes of them and on whatever node."""

from __future__ import annotations

import asyncio

from dbjobs import Backoff, Cancel, JobContext, Jobs
from dbjobs.store import repository
from tests.conformance.helpers import eventually, nodes, wait_all
from tests.conformance.raw import Raw


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


async def test_what_was_appended_is_folded_and_the_sums_stay(url: str, raw: Raw) -> None:
    async with nodes(url, 2, register) as (jobs, other):
        db = jobs._client.db
        refs = list(await asyncio.gather(*(jobs.enqueue(work, "ok", batch_id=f"b{n % 3}") for n in range(60))))
        await wait_all(jobs, refs)
        before = [await other.batch(f"b{n}") for n in range(3)]
        await asyncio.gather(*(repository.fold_batches(j._client.db, 7) for j in (jobs, other) for _ in range(3)))
        while await repository.fold_batches(db, 7):
            pass
        # Once more: what is folded is folded with what comes.
        refs = [await other.enqueue(work, "fail", batch_id="b0")]
        await wait_all(jobs, refs)

        async def is_folded() -> bool:
            # Two folds at once pass by each other's rows: a batch may be left in a row for each until more comes.
            await repository.fold_batches(db, 1000)
            rows = await raw.rows("SELECT folded FROM dbjobs.job_batch")
            return len(rows) <= 3 * 6 and all(folded for (folded,) in rows)

        await eventually(is_folded, "all that was appended is folded")
        after = [await other.batch(f"b{n}") for n in range(3)]
    assert after[1:] == before[1:]
    assert before[0] is not None
    assert after[0] is not None
    assert (before[0].total, before[0].completed, before[0].failed) == (20, 20, 0)
    assert (after[0].total, after[0].completed, after[0].failed) == (21, 20, 1)
    assert after[0].created_at == before[0].created_at


async def test_a_batch_is_forgotten_when_all_have_ended_and_nothing_has_happened_for_long(jobs: Jobs) -> None:
    register(jobs)
    async with jobs.start():
        done = [await jobs.enqueue(work, "ok", batch_id="done") for _ in range(2)]
        await wait_all(jobs, [*done, await jobs.enqueue(work, "ok", batch_id="goes on")])
        await jobs.enqueue(work, "ok", batch_id="goes on", run_after=3600)
        db = jobs._client.db
        while await repository.fold_batches(db, 1000):
            pass
        assert await repository.drop_batches(db, 3600.0) == 0
        assert await repository.drop_batches(db, -60.0) == 1
        assert await jobs.batch("done") is None
        assert await jobs.batch("goes on") is not None
