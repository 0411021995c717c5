"""Months, versions, and the queries behind the doctor's checks."""

from __future__ import annotations

from dbjobs.store.records import DeadRows, OldestQueued, Risk
from dbjobs.store.repository.rows import Fetcher


async def current_month(db: Fetcher) -> str:
    """This month by the database's clock, as 'YYYYMM'."""
    return str((await db.fetch("current_month"))[0][0])


async def list_partitions(db: Fetcher) -> list[str]:
    """Months that history has a place for, as 'YYYYMM'."""
    return [row[0] for row in await db.fetch("list_partitions")]


async def list_late_ends(db: Fetcher) -> dict[str, str]:
    """Months with jobs that ended in a later month -> the last month in which one of those did; 'YYYYMM'."""
    return {row[0]: row[1] for row in await db.fetch("list_late_ends")}


async def server_version(db: Fetcher) -> str:
    """Name and version of the database."""
    return str((await db.fetch("server_version"))[0][0])


async def oldest_queued(db: Fetcher, bound: int) -> OldestQueued | None:
    """The job that has waited longest although it may run, among the first ``bound`` by id."""
    rows = await db.fetch("oldest_queued", bound=bound)
    return OldestQueued(*rows[0]) if rows else None


async def find_stranded(db: Fetcher, limit: int) -> list[int]:
    """Waiting jobs that no live parent will release; there should be none."""
    return [row[0] for row in await db.fetch("find_stranded", limit=limit)]


async def may_vacuum(db: Fetcher) -> DeadRows | None:
    """What would keep a vacuum from removing dead rows; None if this database needs no vacuum."""
    rows = await db.fetch("may_vacuum")
    return DeadRows(*rows[0]) if rows else None


async def vacuum(db: Fetcher) -> None:
    """Remove the dead rows of the live tables. Not within a transaction."""
    await db.fetch("vacuum")


async def find_risks(db: Fetcher) -> list[Risk]:
    """Settings with which the server may lose what it has committed."""
    return [Risk(*row) for row in await db.fetch("find_risks")]
