"""A long history: a shop's, made up (``dbjobs.demo.shop``), written at once, with its roll-ups, logs and requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from msgspec.structs import astuple

from benchmarks.pages.writers import MysqlWriter, PostgresWriter, SqliteWriter, Writer
from benchmarks.peers import Dialect
from dbjobs import Jobs, Schedule
from dbjobs.demo.shop.log import write_requests
from dbjobs.demo.shop.past import COLUMNS, Ended, Past
from dbjobs.demo.shop.sums import Stat, Totals
from dbjobs.store import repository
from dbjobs.store.transactions.partitions import make_partitions

DAYS = 90
JOBS_PER_WRITE = 20_000
ROLLUPS_PER_WRITE = 2_000
# One job in this many has lines in its log.
LOGGED = 20
AUDITED = 2_000
TASKS = 100
LOG_COLUMNS = ("id", "job_id", "job_created_at", "attempt", "at", "level", "message")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much there is.

    Attributes:
        completed, failed: jobs in the history; failed ones include the cancelled.
        queued: jobs that wait.
        requests: in the request log.
    """

    completed: int
    failed: int
    queued: int
    requests: int


def writer_for(dialect: Dialect, url: str) -> Writer:
    """What writes fast into this database."""
    if dialect == "sqlite":
        return SqliteWriter(url)
    return PostgresWriter(url) if dialect == "postgres" else MysqlWriter(url)


async def fill(jobs: Jobs, writer: Writer, size: Size, tell: Tell) -> None:
    """Write a history of three months into open tables that are empty."""
    now = datetime.now(UTC)
    since = (now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    began = time.monotonic()
    await _fill_history(jobs, writer, size, since, now)
    tell(f"{size.completed + size.failed} jobs in history: {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    written = await write_requests(jobs._client.db, size.requests, since, now)
    tell(f"{written} requests in the log: {time.monotonic() - began:.0f} s")


async def _fill_history(jobs: Jobs, writer: Writer, size: Size, since: datetime, now: datetime) -> None:
    total = size.completed + size.failed
    past, totals = Past(failing=size.failed / total), Totals(now)
    months: dict[str, tuple[int, int]] = {}
    for batch in _batches(past.jobs(total, since, now - timedelta(minutes=1))):
        for month, found in groupby(batch, key=lambda job: f"{job.created_at:%Y%m}"):
            of_month = list(found)
            await make_partitions(jobs._client.db, [month])
            first, last = of_month[0].id, of_month[-1].id
            months[month] = (months.get(month, (first, last))[0], last)
            for table, fits in (("completed_job", True), ("failed_job", False)):
                rows = [astuple(job) for job in of_month if (job.state == "completed") is fits]
                if rows:
                    await writer.write(table, COLUMNS, rows, month=month)
            lines = [line for job in of_month if job.id % LOGGED == 0 for line in _lines(job)]
            if lines:
                await writer.write("job_log", LOG_COLUMNS, lines, month=month)
        for job in batch:
            totals.add(job)
    await writer.write("job_stat", Stat.__struct_fields__, [astuple(stat) for stat in totals.stats()], month="")
    rollups = totals.rollups()
    for start in range(0, len(rollups), ROLLUPS_PER_WRITE):
        await repository.write_rollups(jobs._client.db, rollups[start : start + ROLLUPS_PER_WRITE])
    causes = totals.causes()
    for start in range(0, len(causes), ROLLUPS_PER_WRITE):
        await repository.write_causes(jobs._client.db, causes[start : start + ROLLUPS_PER_WRITE])
    for number in range(min(AUDITED, total)):
        await repository.insert_audit(
            jobs._client.db, actor=f"user {number % 7}", action="requeue_job", target=f"job {number}", outcome="done",
            details={"id": number},
        )  # fmt: skip
    for number in range(TASKS):
        name = f"report {number}" if number else "nightly report"
        await jobs.schedules.put(name, Schedule.cron(f"{number % 60} 2 * * *"), "send_email", {"to": "all"})
    await writer.finish(total + 1, months)


def _batches(found: Iterator[Ended]) -> Iterator[list[Ended]]:
    batch: list[Ended] = []
    for job in found:
        batch.append(job)
        if len(batch) >= JOBS_PER_WRITE:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines(job: Ended) -> Sequence[tuple[Any, ...]]:
    return [
        (2 * job.id, job.id, job.created_at, job.attempt, job.started_at, "info", "begun"),
        (2 * job.id + 1, job.id, job.created_at, job.attempt, job.completed_at, "info", f"{job.state} in the end"),
    ]
