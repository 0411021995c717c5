"""A failed job keeps its place at the head of its lane, or lets the next pass, as it was told."""

from __future__ import annotations

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState, RetryAfter
from tests.conformance.helpers import eventually, nodes, state_of, wait_all

pytestmark = pytest.mark.about_us

SOON = Backoff(first_seconds=0.15, jitter=0)
# Well after the others have had their turn, on a slow machine too.
LATER = Backoff(first_seconds=3.0, jitter=0)


@pytest.mark.parametrize(("on_failure", "expected"), [("block", ["a", "a", "b", "c"]), ("skip", ["a", "b", "c", "a"])])
async def test_a_retry_blocks_or_is_passed(url: str, on_failure: str, expected: list[str]) -> None:
    order: list[str] = []

    async def work(request: str, job: JobContext) -> None:
        order.append(request)
        if request == "a" and job.attempt == 1:
            raise ValueError("not yet")

    def register(jobs: Jobs) -> None:
        retry = SOON if on_failure == "block" else LATER
        jobs.command(retry=retry, on_failure=on_failure)(work)  # type: ignore[call-overload]

    async with nodes(url, 2, register) as (jobs, _):
        refs = [await jobs.enqueue(work, name, worker="w") for name in "abc"]
        assert {job.state for job in await wait_all(jobs, refs)} == {JobState.COMPLETED}
    assert order == expected


async def test_retry_after_blocks_too(jobs: Jobs) -> None:
    order: list[str] = []

    @jobs.command
    async def work(request: str, job: JobContext) -> None:
        order.append(request)
        if request == "a" and job.attempt < 3:
            raise RetryAfter(0.1 if job.attempt == 1 else 0)

    async with jobs.start():
        await wait_all(jobs, [await jobs.enqueue(work, name, worker="w") for name in "ab"])
    assert order == ["a", "a", "a", "b"]


async def test_a_final_failure_lets_the_lane_go_on(jobs: Jobs) -> None:
    order: list[str] = []

    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def work(request: str) -> None:
        order.append(request)
        if request == "a":
            raise ValueError("never")

    async with jobs.start():
        ended = await wait_all(jobs, [await jobs.enqueue(work, name, worker="w") for name in "abc"])
    assert order == ["a", "a", "b", "c"]
    assert [job.state for job in ended] == ["failed", "completed", "completed"]


async def test_a_blocking_job_that_is_cancelled_frees_its_lane(jobs: Jobs) -> None:
    @jobs.command(retry=Backoff(first_seconds=600), retry_limit=5)
    async def work(request: str) -> None:
        if request == "a":
            raise ValueError("much later")

    async with jobs.start():
        first = await jobs.enqueue(work, "a", worker="w")

        async def blocks() -> bool:
            return await state_of(jobs, first) is JobState.SCHEDULED

        await eventually(blocks, "the failed job blocks its lane")
        second = await jobs.enqueue(work, "b", worker="w")
        assert await jobs.cancel(first)
        assert (await jobs.wait(second, timeout=10)).state is JobState.COMPLETED
        assert await state_of(jobs, first) is JobState.CANCELLED


async def test_a_blocked_lane_outlives_its_node(url: str) -> None:
    order: list[str] = []

    async def work(request: str, job: JobContext) -> None:
        order.append(request)
        if request == "a" and job.attempt == 1:
            raise ValueError("not yet")

    def register(jobs: Jobs) -> None:
        jobs.command(retry=Backoff(first_seconds=1.0, jitter=0))(work)

    async with nodes(url, 1, register) as (one,):
        refs = [await one.enqueue(work, name, worker="w") for name in "ab"]

        async def blocks() -> bool:
            return await state_of(one, refs[0]) is JobState.SCHEDULED

        await eventually(blocks, "the failed job blocks its lane")
    async with nodes(url, 2, register) as (other, _):
        await wait_all(other, refs)
    assert order == ["a", "a", "b"]
