"""The workers of a soak: ``python -m benchmarks.soak.app URL JOURNAL LEASE_SECONDS``.

Every start and end of a handler is a line of the journal: ``start job attempt pid time worker``, on the clock that all
processes of a machine share. ``ready`` on standard output says that the node is registered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
from pathlib import Path

from dbjobs import Backoff, JobContext, Jobs

# Kills, lost leases and restarts use up tries that are no fault of the job's.
RETRY_LIMIT = 1000
QUICK = Backoff(first_seconds=0.05, factor=2.0, max_seconds=1.0)
LONG_SECONDS = 3.0
NAPS = (0.001, 0.005, 0.02)


def square(request: int) -> int:
    """What a worker process is asked to do."""
    return request * request


def declare(jobs: Jobs) -> None:
    """The commands, for a client that runs none of them."""
    for name in ("work", "flaky", "plain", "long", "own_transaction", "after", "in_process"):
        jobs.declare(name, retry_limit=RETRY_LIMIT, retry=QUICK)
    jobs.declare("fail", retry_limit=0)
    jobs.declare("hold", retry_limit=RETRY_LIMIT)


def make_jobs(url: str, journal: Path) -> Jobs:
    """The application."""
    jobs = Jobs(url, retry_limit=RETRY_LIMIT)
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(what: str, job: JobContext) -> None:
        lane = (job.worker or "-").replace(" ", "_")
        os.write(file, f"{what} {job.id} {job.attempt} {os.getpid()} {time.monotonic():.6f} {lane}\n".encode())

    async def body(job: JobContext, seconds: float) -> None:
        note("start", job)
        try:
            await asyncio.sleep(seconds)
        finally:
            note("end", job)

    @jobs.command(retry=QUICK)
    async def work(request: int, job: JobContext) -> int:
        job.log("at work")
        job.progress(0.5)
        await body(job, random.choice(NAPS))
        return request

    @jobs.command(retry=QUICK)
    async def flaky(request: int, job: JobContext) -> None:
        await body(job, random.choice(NAPS))
        if random.random() < 0.5:
            raise ValueError("this time not")

    @jobs.command(retry=QUICK)
    async def long(request: int, job: JobContext) -> None:
        await body(job, LONG_SECONDS)

    @jobs.command(retry=QUICK)
    def plain(request: int, job: JobContext) -> None:
        note("start", job)
        time.sleep(random.choice(NAPS))
        note("end", job)

    @jobs.command(retry=QUICK)
    async def own_transaction(request: int, job: JobContext) -> None:
        note("start", job)
        try:
            async with job.transaction() as tx:
                await tx.execute(f"INSERT INTO note VALUES ('{job.id}')")
                job.respond(request)
        finally:
            note("end", job)

    @jobs.command
    async def fail(request: int, job: JobContext) -> None:
        await body(job, 0.001)
        raise ValueError("as it should")

    @jobs.command
    async def hold(request: int, job: JobContext) -> None:
        await body(job, 3600.0)

    @jobs.command(retry=QUICK)
    async def after(request: int | None) -> None:
        await asyncio.sleep(0)

    jobs.command(name="in_process", process=True, retry=QUICK)(square)
    return jobs


class SayReady(logging.Handler):
    """Hears the log line that comes when the node is registered and the signals are handled."""

    def emit(self, record: logging.LogRecord) -> None:
        if "works on" in record.getMessage():
            print("ready", flush=True)


if __name__ == "__main__":
    from benchmarks.soak import app  # by this name a worker process finds `square`

    logging.basicConfig(level=logging.WARNING, format="%(process)d %(asctime)s %(message)s")
    logging.getLogger("dbjobs").setLevel(logging.INFO)
    logging.getLogger("dbjobs").addHandler(SayReady())
    own = app.make_jobs(sys.argv[1], Path(sys.argv[2]))
    asyncio.run(own.run_forever(lease_seconds=float(sys.argv[3]), concurrency=20, grace_seconds=2.0))
