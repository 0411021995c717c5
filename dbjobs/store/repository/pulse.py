"""Whether anything has changed, for pages that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbjobs.store.repository.rows import Fetcher


@dataclass(frozen=True)
class Pulse:
    """Numbers that differ once something has changed.

    Attributes:
        newest_id: the newest live job after the given one; None if there is none.
        ended: jobs that ended in the last two minutes.
        rest: everything else, only to be compared.
    """

    newest_id: int | None
    ended: int
    rest: tuple[str, ...]


async def pulse(db: Fetcher, *, after_id: int) -> Pulse:
    """The numbers as they are now; the cost does not grow with any table."""
    newest_id, ended, *rest = (await db.fetch("pulse", after_id=after_id))[0]
    return Pulse(newest_id, int(ended or 0), tuple(str(value) for value in rest))


async def pulse_jobs(db: Fetcher, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """What can change in each of these jobs while it lives; those that have ended are left out."""
    rows = await db.fetch("pulse_jobs", ids=list(ids)) if ids else ()
    return {row[0]: tuple(str(value) for value in row) for row in rows}


async def pulse_requests(db: Fetcher, month: str, since: str) -> int:
    """How many requests the log has counted in a month ('YYYYMM') since an hour ('YYYY-MM-DD HH:00:00')."""
    rows = await db.fetch("pulse_requests", month=month, since=since)
    return int(rows[0][0]) if rows else 0
