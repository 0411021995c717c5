"""A process that is stopped (SIGSTOP) inside a transaction slows nobody down, and its job runs elsewhere in time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from dbjobs import Job, JobRef, Jobs, JobState
from tests.conformance.helpers import eventually, wait_all
from tests.process.app import Work
from tests.process.workers import LEASE_SECONDS, Workers
from tests.servers.processes import Spawn

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres", "mysql")]

JOBS = 300
# Of the jobs that an equal worker ends in the same seconds, in tables where nobody is stopped.
LEAST_SHARE = 0.8
# On a busy machine one of two equal workers may get less than that by chance. Each try stops a process of its own, and
# a transaction that stops others would do so in each of them.
TRIES = 4
SLACK_SECONDS = 15.0


async def run(jobs: Jobs, count: int) -> list[Job]:
    """Jobs for ten places, each of 50 ms: the places set the pace, not the machine."""
    return await wait_all(jobs, await jobs.enqueue_many("work", [Work(0.05)] * count, batch_id="b"))


def share(beside: list[Job], alone: list[Job]) -> float:
    """How many of the jobs beside the stopped process had ended when the other worker's last one ended."""
    last = max(job.completed_at for job in alone if job.completed_at is not None)
    return sum(job.completed_at is not None and job.completed_at <= last for job in beside) / len(alone)


def started(workers: Workers, ref: JobRef) -> bool:
    return ref.id in {line.job for line in workers.lines("start")}


def stop(worker: subprocess.Popen[str]) -> None:
    worker.terminate()
    worker.wait(timeout=60)


async def test_a_process_stopped_in_a_transaction_slows_nobody_down(
    url: str, workers: Workers, spawn: Spawn, tmp_path: Path
) -> None:
    """Two equal workers run at the same time, one on the stopped process's tables, one on tables of its own.

    They have the same machine in the same seconds, so jobs are counted, by the same clock: the database's. Rates of
    different seconds differ on a busy machine by more than what is looked for.
    """
    (tmp_path / "apart").mkdir()
    apart = Workers(spawn, url, tmp_path / "apart")
    shares: list[float] = []
    async with Jobs(url) as jobs, Jobs(url, schema="apart") as others:
        for each in (jobs, others):
            each.declare("work", retry_limit=20)
        jobs.declare("caught", retry_limit=20)
        equal = apart.start("concurrency=10", "schema=apart")
        while not shares or (shares[-1] <= LEAST_SHARE and len(shares) < TRIES):
            stopped = workers.start("concurrency=10")
            caught: JobRef = await jobs.enqueue("caught", Work(3600.0))
            await eventually(partial(started, workers, caught), "it is in its transaction")
            beside = workers.start("concurrency=10")
            await asyncio.gather(run(jobs, 20), run(others, 20))  # both are warm
            os.kill(stopped.pid, signal.SIGSTOP)
            await asyncio.to_thread(os.waitpid, stopped.pid, os.WUNTRACED)
            at = time.monotonic()
            try:
                shares.append(share(*await asyncio.gather(run(jobs, JOBS), run(others, JOBS))))
                (again,) = await wait_all(jobs, [caught], timeout=60)
            finally:
                os.kill(stopped.pid, signal.SIGKILL)
            stopped.wait()
            assert (again.state, again.attempt) == (JobState.COMPLETED, 2)
            starts = [line.at for line in workers.lines("start") if line.job == caught.id]
            assert len(starts) == 2
            print(f"{shares[-1]:.2f} of the jobs in the same time; it ran again after {starts[1] - at:.1f} s")
            assert starts[1] - at < LEASE_SECONDS + SLACK_SECONDS
            again_enqueued = await jobs.enqueue("work", Work(0.0), ref_id=f"caught {caught.id}")
            assert again_enqueued.created, "what the stopped transaction has inserted was rolled back"
            await jobs.wait(again_enqueued, timeout=20)
            stop(beside)
        stop(equal)
        batch = await jobs.batch("b")
    assert shares[-1] > LEAST_SHARE, f"of the jobs in the same time: {shares}"
    assert batch is not None
    assert batch.completed == batch.total == len(shares) * (JOBS + 20)
