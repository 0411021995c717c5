"""Months of the request log: made ahead, dropped whole, hours made part of their day."""

from __future__ import annotations

from collections.abc import Iterable

from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions.partitions import first_day, month_after

MONTHS_AHEAD = 2
# Roll-ups by hour become roll-ups by day after this time.
FOLD_AFTER_HOURS = 48


async def make_request_months(db: Database, months: Iterable[str]) -> list[str]:
    """Make the months that are missing; the months made."""
    wanted = set(months)
    if wanted <= set(await repository.list_request_months(db)):
        return []
    async with db.transaction() as session:
        await session.fetch("lock_schema")  # keeps other processes from making the same ones
        missing = sorted(wanted - set(await repository.list_request_months(session)))
        for month in missing:
            words = {"from": first_day(month), "to": first_day(month_after(month))}
            await session.script("make_request_month", month=month, **words)
    return missing


async def make_ahead(db: Database) -> list[str]:
    """Make last month, this month and the next ``MONTHS_AHEAD``: a record may be written late."""
    month = await repository.current_month(db)
    return await make_request_months(db, [month_after(month, ahead) for ahead in range(-1, MONTHS_AHEAD + 1)])


async def drop_old(db: Database, keep_months: int) -> list[str]:
    """Drop what is older than ``keep_months`` whole months before this one; the months dropped."""
    oldest = month_after(await repository.current_month(db), -keep_months)
    dropped = [month for month in await repository.list_request_months(db) if month < oldest]
    for month in dropped:
        async with db.transaction() as session:
            await session.fetch("lock_schema")
            await session.script("drop_request_month", month=month)
    return dropped


async def fold(db: Database, before: str, most: int) -> int:
    """Make at most ``most`` hours before a moment ('YYYY-MM-DD HH:MM:SS') part of their days; returns how many."""
    folded = 0
    for month in await repository.list_request_months(db):
        since = first_day(month)
        until = min(before, first_day(month_after(month)))
        while folded < most and since < until and await _fold_one(db, month, since, until):
            folded += 1
    return folded


async def _fold_one(db: Database, month: str, since: str, until: str) -> bool:
    if await repository.oldest_request_hour(db, month, since, until) is None:
        return False
    async with db.transaction() as session:
        await session.fetch("lock_schema")  # one process at a time
        hour = await repository.oldest_request_hour(session, month, since, until)  # again: another one may have done it
        if hour is None:
            return False
        await repository.fold_request_hour(session, month, hour, f"{hour[:10]} 00:00:00")
    return True
