"""Log lines and progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import astuple

from dbjobs.models import LogLine
from dbjobs.store.records import LogEntry, ProgressReport
from dbjobs.store.repository.rows import Fetcher, moment_of
from dbjobs.store.statements import Table


async def insert_logs(db: Fetcher, node_id: int, lines: Sequence[LogEntry], now: float) -> None:
    """Write log lines; ``now`` is time.monotonic()."""
    rows = [(line.job_id, line.attempt, max(now - line.at, 0.0), line.level, line.message) for line in lines]
    columns = ("job_id", "attempt", "age_seconds", "level", "message")
    await db.fetch("insert_logs", node_id=node_id, lines=Table(columns, rows))


async def append_logs(db: Fetcher, lines: Sequence[tuple[datetime, LogEntry]], now: float) -> None:
    """Write log lines of jobs that are history, each with its job's ``created_at``; ``now`` is time.monotonic()."""
    rows = [
        (
            line.job_id,
            created_at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds"),
            line.attempt,
            max(now - line.at, 0.0),
            line.level,
            line.message,
        )
        for created_at, line in lines
    ]
    columns = ("job_id", "created_at", "attempt", "age_seconds", "level", "message")
    await db.fetch("append_logs", lines=Table(columns, rows))


async def update_progress(db: Fetcher, node_id: int, reports: Sequence[ProgressReport]) -> None:
    """Write the latest progress of running attempts."""
    table = Table(ProgressReport.__struct_fields__, [astuple(report) for report in reports])
    await db.fetch("update_progress", node_id=node_id, reports=table)


async def list_logs(db: Fetcher, job_id: int, after_id: int, limit: int) -> list[LogLine]:
    """Log lines of a job after a line id, oldest first."""
    rows = await db.fetch("list_logs", job_id=job_id, after_id=after_id, limit=limit)
    return [
        LogLine(id=row[0], job_id=row[1], attempt=row[2], at=moment_of(row[3]), level=row[4], message=row[5])
        for row in rows
    ]
