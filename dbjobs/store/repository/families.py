"""What belongs together, and what ended when."""

from __future__ import annotations

from dataclasses import dataclass

from dbjobs.models import JobState
from dbjobs.store.repository.rows import Fetcher, json_of


@dataclass(frozen=True)
class Relative:
    """A job of a family, in short."""

    id: int
    parent_id: int | None
    depends_on: tuple[int, ...]
    command: str
    state: JobState


async def list_family(db: Fetcher, parent_id: int, *, from_id: int, before_id: int, most: int) -> list[Relative]:
    """Jobs with ids in [from_id, before_id) that this one has enqueued, or that depend on any, by id."""
    rows = await db.fetch("list_family", parent_id=parent_id, from_id=from_id, before_id=before_id, most=most)
    return [
        Relative(
            id=row["id"],
            parent_id=row["parent_id"],
            depends_on=tuple(json_of(row["depends_on"]) or ()),
            command=row["command"],
            state=JobState(row["state"]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class MonthCount:
    """Jobs that ended in a month, by how they did; ``month`` is 'YYYYMM', in UTC."""

    month: str
    completed: int
    failed: int
    cancelled: int


async def count_months(db: Fetcher) -> list[MonthCount]:
    """What ended in each month, from the roll-ups, oldest first."""
    return [MonthCount(*row[:4]) for row in await db.fetch("count_months")]
