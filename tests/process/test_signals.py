"""SIGTERM gives running jobs their grace, hands back the rest uncharged, and ends the process with 0."""

from __future__ import annotations

import asyncio
import signal

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import eventually, wait_all
from tests.process.app import Work
from tests.process.workers import Workers, assert_lanes_kept

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_the_grace_lets_short_jobs_end_and_hands_long_ones_back(url: str, workers: Workers) -> None:
    await grace_and_hand_back(url, workers, signal.SIGTERM)


@pytest.mark.once
async def test_ctrl_c_means_the_same_as_sigterm(url: str, workers: Workers) -> None:
    await grace_and_hand_back(url, workers, signal.SIGINT)


async def grace_and_hand_back(url: str, workers: Workers, number: signal.Signals) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        process = workers.start("concurrency=5", "grace_seconds=1.5")
        short = await jobs.enqueue("work", Work(0.7))
        long = await jobs.enqueue("work", Work(4))
        lane = await jobs.enqueue("work", Work(4), worker="w")
        behind = await jobs.enqueue("work", Work(0.1), worker="w")
        await workers.wait_lines("start", 3)
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, 15) == 0
        states = {}
        for name, ref in (("short", short), ("long", long), ("lane", lane), ("behind", behind)):
            job = await jobs.get(ref)
            assert job is not None
            states[name] = job.state
        assert states == {
            "short": JobState.COMPLETED,
            "long": JobState.QUEUED,
            "lane": JobState.QUEUED,
            "behind": JobState.QUEUED,
        }
        assert await jobs.nodes() == []
        workers.start()
        ended = await wait_all(jobs, [long, lane, behind])
        assert {(job.state, job.errors) for job in ended} == {(JobState.COMPLETED, ())}
        assert [job.attempt for job in ended[:2]] == [2, 2]
        assert_lanes_kept(workers, {"w": [lane, behind]})


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_grace(url: str, workers: Workers, number: signal.Signals) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        process = workers.start("grace_seconds=60")
        ref = await jobs.enqueue("work", Work(60))
        await workers.wait_lines("start", 1)
        process.send_signal(number)
        # The first signal was taken when nothing more is started.
        await eventually(lambda: stays_queued(jobs), "claims have ended")
        assert process.poll() is None
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, 15) == 0
        job = await jobs.get(ref)
        assert job is not None
        assert (job.state, job.errors) == (JobState.QUEUED, ())
        assert len(workers.lines("cancelled")) == 1


@pytest.mark.once
async def test_a_thread_that_cannot_be_stopped_does_not_keep_its_job_from_others(url: str, workers: Workers) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("plain")
        process = workers.start("grace_seconds=0.2", "unresponsive_seconds=0.2")
        ref = await jobs.enqueue("plain", Work(3))
        await workers.wait_lines("start", 1)
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: nobody(jobs), "the node has signed off")
        job = await jobs.get(ref)
        assert job is not None
        assert (job.state, job.errors) == (JobState.QUEUED, ())
        assert await asyncio.to_thread(process.wait, 15) == 0
        workers.start()
        assert [(job.state, job.attempt, job.errors) for job in await wait_all(jobs, [ref])] == [
            (JobState.COMPLETED, 2, ())
        ]


async def nobody(jobs: Jobs) -> bool:
    return not await jobs.nodes()


async def stays_queued(jobs: Jobs) -> bool:
    ref = await jobs.enqueue("work", Work(0.01))
    try:
        await jobs.wait(ref, timeout=0.5)
    except TimeoutError:
        return True
    return False
