"""Rows of any driver as the library's own types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from dbjobs.models import Job, JobError, JobState
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.database import Row


class Fetcher(Protocol):
    """A database or a session."""

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]: ...


def job_of(row: Row) -> Job:
    """A row of ``get_jobs``."""
    return Job(
        id=row["id"],
        ref_id=row["ref_id"],
        parent_id=row["parent_id"],
        worker=row["worker"],
        queue=row["queue"],
        priority=row["priority"],
        tag=row["tag"],
        batch_id=row["batch_id"],
        callback=row["callback"],
        depends_on=tuple(json_of(row["depends_on"]) or ()),
        run_after=maybe_moment_of(row["run_after"]),
        expires_at=maybe_moment_of(row["expires_at"]),
        created_at=moment_of(row["created_at"]),
        created_by=row["created_by"],
        user_id=row["user_id"],
        request_type=row["request_type"],
        command=row["command"],
        request_name=row["request"],
        request=json_of(row["request_body"]),
        response=json_of(row["response_body"]),
        state=JobState(row["state"]),
        started_at=maybe_moment_of(row["started_at"]),
        completed_at=maybe_moment_of(row["completed_at"]),
        retry_limit=row["retry_limit"],
        attempt=row["attempt"],
        duration_ms=row["duration_ms"],
        timeout_seconds=row["timeout_seconds"],
        progress=row["progress"],
        status=row["status"],
        reply_to=mask_reply_to(row["reply_to"]),
        error_code=row["error_code"],
        error=row["error"],
        errors=tuple(error_of(entry) for entry in json_of(row["errors"]) or ()),
        args=json_of(row["args"]) or {},
        meta=json_of(row["meta"]) or {},
        cancel_requested_at=maybe_moment_of(row["cancel_requested_at"]),
        node_id=row["node_id"],
    )


def error_of(entry: dict[str, Any]) -> JobError:
    """An entry of a job's error list; rows of earlier releases, and of other programs, may lack any part of it."""
    return JobError(
        at=_moment_noted(entry.get("at")),
        attempt=entry.get("attempt") or 0,
        node_id=entry.get("node_id"),
        code=entry.get("code") or "",
        message=entry.get("message") or "",
        traceback=entry.get("traceback"),
        status=entry.get("status"),
        body=entry.get("body"),
        fields=entry.get("fields") or {},
    )


def _moment_noted(text: Any) -> datetime | None:
    """A time that was stored as text, in UTC; None if it is not a time."""
    try:
        return moment_of(text).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def json_of(text: str | None) -> Any:
    """The value of a JSON text."""
    return None if text is None else msgspec.json.decode(text)


def moment_of(value: datetime | str) -> datetime:
    """A time as the drivers give it: aware (PostgreSQL), naive in UTC (MySQL, SQL Server), or its text (SQLite)."""
    if not isinstance(value, datetime):
        value = datetime.fromisoformat(value)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def maybe_moment_of(value: datetime | str | None) -> datetime | None:
    """The same where there may be none."""
    return None if value is None else moment_of(value)
