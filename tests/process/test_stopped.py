"""A process that is stopped (SIGSTOP) inside a transaction slows nobody down, and its job runs elsewhere in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from dbjobs import JobRef, Jobs, JobState
from tests.conformance.helpers import eventually, wait_all
from tests.process.app import Work
from tests.process.workers import LEASE_SECONDS, Workers

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres", "mysql")]

JOBS = 300
# A loaded machine's two rates differ by more than what is looked for: a transaction that stops others costs all of it.
LEAST_SHARE = 0.4
SLACK_SECONDS = 15.0


async def rate(jobs: Jobs) -> float:
    """Jobs per second, through ten places, each of 50 ms: the places set the rate, not the machine."""
    began = time.monotonic()
    refs = await jobs.enqueue_many("work", [Work(0.05)] * JOBS, batch_id="b")
    await wait_all(jobs, refs)
    return JOBS / (time.monotonic() - began)


async def test_a_process_stopped_in_a_transaction_slows_nobody_down(url: str, workers: Workers) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work", retry_limit=20)
        jobs.declare("caught", retry_limit=20)
        stopped = workers.start("concurrency=10")
        caught: JobRef = await jobs.enqueue("caught", Work(3600.0))
        await workers.wait_lines("start", 1)
        os.kill(stopped.pid, signal.SIGSTOP)
        await asyncio.to_thread(os.waitpid, stopped.pid, os.WUNTRACED)
        at = time.monotonic()
        try:
            workers.start("concurrency=10")
            beside = await rate(jobs)
            (again,) = await wait_all(jobs, [caught], timeout=60)
            recovered = time.monotonic() - at
            held = await jobs.batch("b")
        finally:
            os.kill(stopped.pid, signal.SIGKILL)
        stopped.wait()
        await eventually(lambda: _alone(jobs), "its node is gone")
        alone = await rate(jobs)
        again_enqueued = await jobs.enqueue("work", Work(0.0), ref_id="caught")
        await jobs.wait(again_enqueued, timeout=20)
        batch = await jobs.batch("b")
    print(f"beside it {beside:.0f}/s, alone {alone:.0f}/s: {beside / alone:.2f}; it ran again after {recovered:.1f} s")
    assert (again.state, again.attempt) == (JobState.COMPLETED, 2)
    assert beside > LEAST_SHARE * alone
    starts = [line.at for line in workers.lines("start") if line.job == caught.id]
    assert len(starts) == 2
    assert starts[1] - at < LEASE_SECONDS + SLACK_SECONDS
    assert again_enqueued.created, "what the stopped transaction has inserted was rolled back"
    assert held is not None
    assert batch is not None
    assert (held.completed, batch.completed, batch.total) == (JOBS, 2 * JOBS, 2 * JOBS)


async def _alone(jobs: Jobs) -> bool:
    return len(await jobs.nodes()) == 1
