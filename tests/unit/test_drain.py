"""``drain`` with workers that run already, and what it says of a failure and of a job that hangs."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import InvalidOption, JobFailed, Jobs
from dbjobs.testing import drain
from tests.conformance.helpers import Gate


async def test_workers_that_run_already_do_it(jobs: Jobs) -> None:
    gate = asyncio.Event()

    @jobs.command
    async def work(number: int) -> int:
        await gate.wait()
        return number

    async with jobs.start():
        ref = await jobs.enqueue(work, 1)
        draining = asyncio.create_task(drain(jobs))
        await jobs.enqueue(work, 2)
        gate.set()
        ran = await asyncio.wait_for(draining, 30)
        done = await jobs.get(ref)
    assert [job.response for job in ran] == [1, 2]
    assert done in ran


async def test_a_failure_may_be_raised_and_what_hangs_is_named(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command(retry_limit=0)
    async def fails() -> None:
        raise ValueError("no such order")

    @jobs.command
    async def hangs() -> None:
        await gate()

    async with jobs:
        await jobs.enqueue(fails)
        with pytest.raises(JobFailed, match=r"job \d+ \(fails\) failed: ValueError: no such order"):
            await drain(jobs, raise_on_failure=True)
        with pytest.raises(InvalidOption, match="drain: timeout='long'"):
            await drain(jobs, timeout="long")  # type: ignore[arg-type]
        async with jobs.start(grace_seconds=0):
            ref = await jobs.enqueue(hangs)
            await gate.wait_entered()
            with pytest.raises(TimeoutError, match=rf"drain: not done within 0\.1 s; job {ref.id} \(hangs\) st"):
                await drain(jobs, timeout=0.1)
