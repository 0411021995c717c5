"""An application for worker processes: ``python -m tests.process.app URL FILE [SETTING=VALUE ...]``.

Every start and end of a handler is a line of FILE: ``start job attempt pid time`` (the time of the system-wide
monotonic clock). ``ready`` on standard output says that the node is registered. The setting ``schema`` says whose
tables to use.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from dbjobs import JobContext, Jobs


class Work(msgspec.Struct):
    """What to do.

    Attributes:
        seconds: how long.
        again_seconds: how long in each attempt but the first; None: the same.
    """

    seconds: float = 0.01
    again_seconds: float | None = None


def make_jobs(url: str, journal: Path, schema: str = "dbjobs") -> Jobs:
    """The application."""
    jobs = Jobs(url, schema=schema, retry_limit=20)
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(what: str, job: JobContext) -> None:
        os.write(file, f"{what} {job.id} {job.attempt} {os.getpid()} {time.monotonic():.6f}\n".encode())

    @jobs.command
    async def work(request: Work, job: JobContext) -> int:
        note("start", job)
        seconds = request.seconds
        if job.attempt > 1 and request.again_seconds is not None:
            seconds = request.again_seconds
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note("cancelled", job)
            raise
        note("end", job)
        return job.attempt

    @jobs.command
    async def block(request: Work, job: JobContext) -> None:
        note("start", job)
        time.sleep(request.seconds)  # noqa: ASYNC251  # what a handler must not do
        note("end", job)

    @jobs.command
    async def transactional(request: Work, job: JobContext) -> None:
        async with job.transaction():
            note("start", job)
            await asyncio.sleep(request.seconds)
            note("end", job)

    @jobs.command
    async def caught(request: Work, job: JobContext) -> None:
        """Its first attempt stays in a transaction that has inserted rows which others are interested in."""
        async with job.transaction() as tx:
            if job.attempt == 1:
                await jobs.enqueue("work", Work(0.0), batch_id="b", ref_id=f"caught {job.id}", connection=tx)
            note("start", job)
            await asyncio.sleep(request.seconds if job.attempt == 1 else 0.0)
            note("end", job)

    @jobs.command
    def plain(request: Work, job: JobContext) -> None:
        note("start", job)
        time.sleep(request.seconds)
        note("end", job)

    return jobs


class SayReady(logging.Handler):
    """Hears the log line that comes when the node is registered and the signals are handled."""

    def emit(self, record: logging.LogRecord) -> None:
        if "works on" in record.getMessage():
            print("ready", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(process)d %(asctime)s %(message)s")
    logging.getLogger("dbjobs").addHandler(SayReady())
    words = dict(word.split("=", 1) for word in sys.argv[3:])
    schema = words.pop("schema", "dbjobs")
    own_settings: dict[str, Any] = {name: float(value) for name, value in words.items()}
    if "concurrency" in own_settings:
        own_settings["concurrency"] = int(own_settings["concurrency"])
    asyncio.run(make_jobs(sys.argv[1], Path(sys.argv[2]), schema).run_forever(**own_settings))
