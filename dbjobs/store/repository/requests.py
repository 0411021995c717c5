"""The request log: batches, pages, roll-ups, months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

LOG_COLUMNS = (
    "at", "tie", "method", "path", "query", "route", "status_code", "status_class", "duration_ms", "user_id", "api_key",
    "session_id", "ip", "trace_id", "request_bytes", "response_bytes", "error", "meta",
)  # fmt: skip
SUMS = (
    "requests", "errors", "request_bytes", "request_bytes_min", "request_bytes_max", "response_bytes", "duration_ms",
    "duration_min", "duration_max", "under_ten_ms", "under_fifty_ms", "under_hundred_ms", "under_half_second",
    "under_one_second", "under_two_seconds", "under_five_seconds", "under_half_minute", "slower",
)  # fmt: skip
STAT_COLUMNS = ("kind", "detail_kind", "hour", "name", "detail", *SUMS)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the request log.

    Attributes:
        month: the month to look into, as 'YYYYMM'.
        since, before_at, before_tie: between these two moments ('YYYY-MM-DD HH:MM:SS.ffffff', UTC); of the second one
            only smaller ties.
        by: the index to go through: 'time', 'route', 'user_id', 'ip' or 'status'.
        look: how many rows to go through at most.
        limit: how many rows are wanted.
        The others are conditions; None means no condition.
    """

    month: str
    since: str
    before_at: str
    before_tie: int
    by: str
    look: int
    limit: int
    method: str | None = None
    path: str | None = None
    route: str | None = None
    user_id: str | None = None
    api_key: str | None = None
    session_id: str | None = None
    ip: str | None = None
    trace_id: str | None = None
    status_class: int | None = None
    status_from: int = 0
    status_to: int = 999
    slow_ms: float = 0.0
    failed: bool = False


async def insert_requests(
    db: Fetcher,
    month: str,
    requests: Sequence[Sequence[Any]],
    stats: Sequence[Sequence[Any]],
    counter: int,
) -> None:
    """Write a batch of one month and what it adds to the roll-ups: both or neither.

    Raises:
        PartitionMissing: the month has no place yet.
    """
    await db.fetch(
        "insert_requests",
        month=month,
        requests=Table(LOG_COLUMNS, requests),
        stats=Table(STAT_COLUMNS, stats),
        counter=counter,
    )


async def list_requests(db: Fetcher, look: Look) -> Sequence[Row]:
    """Rows that fit, and the oldest one of the look; ``fits`` and ``looked`` are the last two columns."""
    return await db.fetch("list_requests", **msgspec.structs.asdict(look))


async def get_request(db: Fetcher, month: str, at: str, tie: int) -> Row | None:
    """One request, whole."""
    rows = await db.fetch("get_request", month=month, at=at, tie=tie)
    return rows[0] if rows else None


async def list_request_stats(db: Fetcher, **wanted: Any) -> dict[str, Mapping[str, Any]]:
    """Sums of one month by name: those with the most requests.

    Args:
        wanted: month, kind, detail_kind, by_detail, value, since, until, limit (see the statement).
    """
    rows = await db.fetch("list_request_stats", **wanted)
    return {row[0]: dict(zip(SUMS, tuple(row)[1:], strict=True)) for row in rows}


async def oldest_request_hour(db: Fetcher, month: str, since: str, until: str) -> str | None:
    """The first hour of a month that is not part of its day yet."""
    rows = await db.fetch("oldest_request_hour", month=month, since=since, until=until)
    return str(rows[0][0]) if rows else None


async def fold_request_hour(db: Fetcher, month: str, hour: str, day: str) -> None:
    """Make an hour part of its day."""
    await db.fetch("fold_request_hour", month=month, hour=hour, day=day)


async def list_request_months(db: Fetcher) -> list[str]:
    """Months that the request log has a place for, as 'YYYYMM', oldest first."""
    return [row[0] for row in await db.fetch("list_request_months")]
