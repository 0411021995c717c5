"""A failed or cancelled job can be run again: under its own id, with fresh tries, and its past kept."""

from __future__ import annotations

from typing import Any

import pytest

from dbjobs import Backoff, Cancel, JobContext, Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.transactions.dependencies import Follower
from tests.conformance.helpers import Gate, state_of, whole_list

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)


async def echo(request: Any) -> Any:
    return request


async def test_a_failed_job_runs_again_with_fresh_tries(jobs: Jobs) -> None:
    broken = True

    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def work(job: JobContext) -> str:
        if broken or job.last_try is False:
            raise ValueError(f"attempt {job.attempt}")
        return "ok"

    async with jobs.start():
        ref = await jobs.enqueue(work, ref_id="r", tag="t", meta={"m": 1})
        failed = await jobs.wait(ref, timeout=10)
        assert (failed.state, failed.attempt) == (JobState.FAILED, 2)
        broken = False
        assert await jobs.requeue(ref) is True
        done = await jobs.wait(ref, timeout=10)
        assert len(await whole_list(jobs)) == 1
    assert (done.state, done.id, done.response) == (JobState.COMPLETED, ref.id, "ok")
    assert [error.attempt for error in done.errors] == [1, 2, 3]
    assert done.attempt == 4, "the attempt number goes on: it is part of the fence"
    assert (done.ref_id, done.tag, done.meta, done.created_at) == ("r", "t", {"m": 1}, failed.created_at)


async def test_a_cancelled_job_runs_again(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo, 3)
        await jobs.cancel(ref)
        assert await jobs.requeue(ref)
        assert await state_of(jobs, ref) is JobState.QUEUED
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=10)).response == 3


async def test_a_requeued_job_in_a_lane_runs(jobs: Jobs) -> None:
    calls: list[int] = []

    @jobs.command(retry_limit=0)
    async def work(job: JobContext) -> None:
        calls.append(job.attempt)
        if job.attempt == 1:
            raise ValueError("no")

    async with jobs.start():
        ref = await jobs.enqueue(work, worker="w")
        await jobs.wait(ref, timeout=10)
        await jobs.requeue(ref)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED
    assert calls == [1, 2]


async def test_a_cancelled_running_job_can_be_requeued_and_is_not_cancelled_again(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    async with jobs.start(lease_seconds=1):
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        await jobs.cancel(ref)
        await jobs.wait(ref, timeout=10)
        gate.open()
        assert await jobs.requeue(ref)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_an_expired_job_can_be_requeued_and_does_not_expire_again(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs.start(queues=["other"]):
        ref = await jobs.enqueue(echo, expires_after=0.05)
        assert (await jobs.wait(ref, timeout=10)).error_code == "expired"
        assert await jobs.requeue(ref)
    async with jobs.start():
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_a_job_cancelled_for_its_parent_can_be_requeued(jobs: Jobs) -> None:
    jobs.command(echo)

    @jobs.command
    async def useless() -> None:
        raise Cancel("no")

    async with jobs.start():
        parent = await jobs.enqueue(useless)
        child = await jobs.enqueue(echo, 1, depends_on=parent)
        assert (await jobs.wait(child, timeout=10)).state is JobState.CANCELLED
        assert await jobs.requeue(child)
        assert (await jobs.wait(child, timeout=10)).state is JobState.COMPLETED


async def test_what_is_live_or_completed_or_unknown_is_left_alone(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        live = await jobs.enqueue(echo)
        assert await jobs.requeue(live) is False
        assert await jobs.requeue(999_999) is False
        async with jobs.start():
            done = await jobs.wait(live, timeout=10)
        assert await jobs.requeue(live) is False
        assert await jobs.get(live) == done


async def test_a_batch_counts_a_requeued_job_once(jobs: Jobs) -> None:
    broken = True

    @jobs.command(retry_limit=0)
    async def work() -> None:
        if broken:
            raise ValueError("no")

    async with jobs.start():
        ref = await jobs.enqueue(work, batch_id="b")
        await jobs.wait(ref, timeout=10)
        broken = False
        await jobs.requeue(ref)
        await jobs.wait(ref, timeout=10)
        progress = await jobs.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed, progress.failed) == (1, 1, 0)


async def test_a_requeued_child_waits_for_its_requeued_parent(jobs: Jobs) -> None:
    """The parent has failed and so the child was cancelled: in whatever order they come back, the parent runs first."""
    gate = Gate()
    order: list[str] = []

    @jobs.command(retry_limit=0)
    async def parent(job: JobContext) -> None:
        if job.attempt == 1:
            raise ValueError("no")
        await gate()
        order.append("parent")

    @jobs.command
    async def child() -> None:
        order.append("child")

    async with jobs.start():
        first = await jobs.enqueue(parent)
        second = await jobs.enqueue(child, depends_on=first)
        third = await jobs.enqueue(child, depends_on=[second, first], depends_on_policy="finished")
        for ref in (first, second, third):
            await jobs.wait(ref, timeout=10)
        assert await state_of(jobs, second) is JobState.CANCELLED
        order.clear()
        assert await jobs.requeue(first)
        assert await jobs.requeue(second)
        await gate.wait_entered()
        assert await state_of(jobs, second) is JobState.WAITING
        gate.open()
        assert (await jobs.wait(second, timeout=10)).state is JobState.COMPLETED
        assert order == ["parent", "child"]


async def test_a_requeued_child_whose_parents_have_ended_runs_at_once(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        parent = await jobs.enqueue(echo)
        child = await jobs.enqueue(echo, depends_on=parent)
        assert await jobs.cancel(parent)
        assert await state_of(jobs, child) is JobState.CANCELLED
        assert await jobs.requeue(child)
        assert await state_of(jobs, child) is JobState.QUEUED


@pytest.mark.parametrize("policy", ["completed", "finished"])
async def test_a_requeue_takes_back_an_end_that_its_children_have_not_heard_of(jobs: Jobs, policy: Any) -> None:
    """The node that was to tell them died in between: they wait for the next end, and hear of that one only."""
    order: list[str] = []

    @jobs.command
    async def note(what: str) -> None:
        order.append(what)

    async with jobs:
        parent = await jobs.enqueue(note, "parent")
        child = await jobs.enqueue(note, "child", depends_on=parent, depends_on_policy=policy)
        await repository.cancel_jobs(
            jobs._client.db, [parent.id], -1, "cancelled", "by the one who dies", ask_running=False
        )
        assert await jobs.requeue(parent)
        await Follower(jobs._client.db, parents=[parent.id], children=[child.id]).run()
        assert await state_of(jobs, child) is JobState.WAITING
        async with jobs.start():
            for ref in (parent, child):
                assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
    assert order == ["parent", "child"]


async def test_a_requeued_callback_does_not_wait_for_parents_that_are_live_again(jobs: Jobs) -> None:
    """The body is done. Only its callback is left, and that needs nothing of its parents."""
    gate = Gate()
    told: list[int] = []

    @jobs.command(retry_limit=0)
    async def parent(job: JobContext) -> None:
        if job.attempt == 1:
            raise ValueError("no")
        await gate()

    @jobs.command
    async def body() -> int:
        return 7

    @jobs.command(retry_limit=0)
    async def tell(response: int, job: JobContext) -> None:
        told.append(response)
        if len(told) == 1:
            raise ValueError("not now")

    async with jobs.start():
        first = await jobs.enqueue(parent)
        second = await jobs.enqueue(
            body, depends_on=first, depends_on_policy="finished", callback="tell", retry_limit=0
        )
        assert (await jobs.wait(second, timeout=20)).state is JobState.FAILED
        assert await jobs.requeue(first)
        await gate.wait_entered()
        assert await jobs.requeue(second)
        assert (await jobs.wait(second, timeout=20)).state is JobState.COMPLETED
        gate.open()
    assert told == [7, 7]
