"""Jobs that are due, and jobs that have expired."""

from __future__ import annotations

from dbjobs.store.records import Ready
from dbjobs.store.repository.rows import Fetcher


async def promote_jobs(db: Fetcher, limit: int) -> list[Ready]:
    """Scheduled jobs that are due become ready."""
    return [Ready(row[1], row[2], row[3] is not None, True) for row in await db.fetch("promote_jobs", limit=limit)]


async def next_due(db: Fetcher) -> float | None:
    """Seconds until the next scheduled job is due; None if there is none."""
    rows = await db.fetch("next_due")
    return None if rows[0][0] is None else float(rows[0][0])


async def find_expired(db: Fetcher, limit: int) -> list[int]:
    """Jobs that were not started in time."""
    return [row[0] for row in await db.fetch("find_expired", limit=limit)]
