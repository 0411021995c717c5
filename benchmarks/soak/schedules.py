"""Many processes declare the same tasks, each for every second, and one of them is killed again and again.

``python -m benchmarks schedules --processes 20 --tasks 10 --seconds 60 --db postgres`` measures no rate: it counts the
jobs of each task and time. There must be exactly one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import get_args

from benchmarks.peers import Dialect
from benchmarks.server import fresh_database, running_server
from dbjobs import Jobs, JobState, JobSummary, Schedule
from tests.servers.processes import Processes

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 4.0
START_SECONDS = 120.0
FINISH_SECONDS = 60.0
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Verdict:
    """What has come of it.

    Attributes:
        times: how many times each task was to run, over the whole run.
        jobs: jobs in all.
        doubled: (task, time) with more than one job.
        left_out: (task, time) without one, between the first and the last time of its task.
        unfinished: jobs that did not complete.
        killed: processes.
        late_ms: how long after its time a job was stored: the median and the longest, in milliseconds.
    """

    times: dict[str, int]
    jobs: int
    doubled: list[str]
    left_out: list[str]
    unfinished: int
    killed: int
    late_ms: tuple[float, float]

    @property
    def is_sound(self) -> bool:
        """Exactly one job for each task and time, and each completed."""
        return bool(self.times) and not (self.doubled or self.left_out or self.unfinished)


async def measure(url: str, *, processes: int, tasks: int, seconds: float, kill_seconds: float) -> Verdict:
    """Run it on an empty database.

    Args:
        kill_seconds: a process is killed this often, and another one started.
    """
    async with Jobs(url) as jobs:
        with Processes() as started:
            running = [_start(started, url, tasks) for _ in range(processes)]
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*(asyncio.to_thread(_wait_ready, process) for process in running))
            until = time.monotonic() + seconds
            killed = 0
            while (left := until - time.monotonic()) > 0:
                await asyncio.sleep(min(kill_seconds, left))
                if time.monotonic() < until:
                    victim = running.pop(random.randrange(len(running)))
                    os.kill(victim.pid, signal.SIGKILL)
                    await asyncio.to_thread(victim.wait)
                    killed += 1
                    running.append(_start(started, url, tasks))
            for task in await jobs.schedules.list():
                await jobs.schedules.pause(task.name)
            for _ in range(int(FINISH_SECONDS / 0.2)):  # what the killed ones held runs when their leases are over
                if not await jobs.counts():
                    break
                await asyncio.sleep(0.2)
            return _judge(await _all_jobs(jobs), killed)


def _start(started: Processes, url: str, tasks: int) -> Popen[str]:
    return started.spawn("-m", "benchmarks.soak.schedules", url, str(tasks), cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def _wait_ready(process: Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"process {process.pid} did not start")


async def _all_jobs(jobs: Jobs) -> list[JobSummary]:
    rows: list[JobSummary] = []
    before: int | None = None
    while page := await jobs.list(before_id=before, limit=1000):
        rows += page
        before = page[-1].id
    return rows


def _judge(rows: list[JobSummary], killed: int) -> Verdict:
    found: dict[str, list[datetime]] = {}
    late = []
    for job in rows:
        _, task, moment = (job.ref_id or "").split(":", 2)
        nominal = datetime.fromisoformat(moment)
        found.setdefault(task, []).append(nominal)
        late.append((job.created_at - nominal).total_seconds() * 1000)
    doubled, left_out, times = [], [], {}
    for task, moments in sorted(found.items()):
        counts = Counter(moments)
        first, last = min(moments), max(moments)
        times[task] = int((last - first) / _SECOND) + 1
        doubled += [f"{task} {moment:%H:%M:%S}" for moment, count in counts.items() if count > 1]
        expected = (first + _SECOND * number for number in range(times[task]))
        left_out += [f"{task} {moment:%H:%M:%S}" for moment in expected if moment not in counts]
    late.sort()
    return Verdict(
        times=times,
        jobs=len(rows),
        doubled=doubled,
        left_out=left_out,
        unfinished=sum(job.state is not JobState.COMPLETED for job in rows),
        killed=killed,
        late_ms=(late[len(late) // 2], late[-1]) if late else (0.0, 0.0),
    )


async def _work(url: str, tasks: int) -> None:
    """One of the processes."""
    jobs = Jobs(url, pool_size=2, retry_limit=20)

    @jobs.command
    async def tick() -> None: ...

    for number in range(tasks):
        jobs.recurring(Schedule.every(1), name=f"task {number}")(tick)
    async with jobs.start(concurrency=10, lease_seconds=LEASE_SECONDS) as engine:
        print("ready", flush=True)
        await engine.stopping.wait()


def main(arguments: list[str]) -> bool:
    """Parse the arguments, run it, print the verdict; False if a time was doubled or left out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks schedules", description=__doc__)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill-seconds", type=float, default=10.0, help="kill -9 one of them this often")
    parser.add_argument("--db", choices=get_args(Dialect), default="postgres")
    parser.add_argument("--url", help="a server to make a database on (default: a throwaway one)")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        if given.db == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-schedules-"))
            url = f"sqlite:///{folder}/jobs.db"
        else:
            url = stack.enter_context(fresh_database(stack.enter_context(running_server(given.db, given.url))))
        verdict = asyncio.run(
            measure(
                url,
                processes=given.processes,
                tasks=given.tasks,
                seconds=given.seconds,
                kill_seconds=given.kill_seconds,
            )
        )
    print(
        f"{given.db}: {given.processes} processes, {len(verdict.times)} tasks, {verdict.killed} killed: "
        f"{sum(verdict.times.values())} times, {verdict.jobs} jobs, {len(verdict.doubled)} doubled, "
        f"{len(verdict.left_out)} left out, {verdict.unfinished} unfinished; stored late by "
        f"{verdict.late_ms[0]:.0f} ms (median), {verdict.late_ms[1]:.0f} ms (longest)"
    )
    for what in (*verdict.doubled[:10], *verdict.left_out[:10]):
        print(f"  WRONG: {what}")
    return verdict.is_sound


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], int(sys.argv[2])))
