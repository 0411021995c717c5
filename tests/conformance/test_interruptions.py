"""What a handler makes of its interruption by a stop: an error that comes of it is nobody's failure."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from dbjobs import Cancel, JobContext, Jobs, JobState, RetryAfter
from tests.conformance.helpers import nodes, soon, state_of, wait_all

pytestmark = pytest.mark.about_us


@pytest.mark.parametrize("worker", [None, "lane"])
@pytest.mark.parametrize("how", ["another error", "a group", "a timeout of its own", "a plain handler", "a check"])
async def test_an_interruption_that_comes_out_as_another_error_is_not_charged(
    url: str, worker: str | None, how: str
) -> None:
    """A library turns the cancellation into an error of its own, or a plain handler that looks raises one."""
    entered = threading.Event()
    attempts: list[int] = []

    async def other_error() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ConnectionError("the connection was closed amid a request") from None

    async def group() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            raise BaseExceptionGroup("several", [error, ValueError("clean-up")]) from None

    async def own_timeout() -> None:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            raise TimeoutError from None

    def plain(job: JobContext) -> None:
        attempts.append(job.attempt)
        entered.set()
        while job.attempt == 1 and not job.cancelled:
            time.sleep(0.01)
        if how == "a check":
            job.check()
        elif job.attempt == 1:
            raise RuntimeError("told to stop")

    body = {"another error": other_error, "a group": group, "a timeout of its own": own_timeout}.get(how)

    def register(jobs: Jobs) -> None:
        if body is None:
            jobs.command(name="slow", retry_limit=0)(plain)
            return

        @jobs.command(retry_limit=0)
        async def slow(job: JobContext) -> None:
            attempts.append(job.attempt)
            entered.set()
            if job.attempt == 1:
                await body()

    async with Jobs(url) as client:
        client.declare("slow", retry_limit=0)
        async with nodes(url, 1, register, grace_seconds=0):
            ref = await client.enqueue("slow", worker=worker)
            assert await asyncio.to_thread(entered.wait, 20)
        job = await client.get(ref)
        assert job is not None
        assert (job.state, job.node_id, job.errors) == (JobState.QUEUED, None, ())
        async with nodes(url, 1, register):
            (ended,) = await wait_all(client, [ref])
    assert ended.state is JobState.COMPLETED
    assert attempts == [1, 2]


@pytest.mark.parametrize("error", [Cancel("not wanted any more"), RetryAfter(3600)], ids=["cancel", "retry after"])
async def test_what_an_interrupted_handler_says_of_its_job_counts(url: str, error: Exception) -> None:
    entered = asyncio.Event()

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=1)
        async def slow() -> None:
            entered.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise error from None

    async with Jobs(url) as client:
        client.declare("slow", retry_limit=1)
        async with nodes(url, 1, register, grace_seconds=0):
            ref = await client.enqueue("slow")
            await soon(entered, "it runs")
        expected = JobState.CANCELLED if isinstance(error, Cancel) else JobState.SCHEDULED
        assert await state_of(client, ref) is expected
