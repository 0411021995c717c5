"""Monthly partitions of the history: made ahead, made on demand, dropped whole."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from dbjobs.store import repository
from dbjobs.store.database import Database, Session

MONTHS_AHEAD = 2
REFS_PER_STATEMENT = 5000


def month_after(month: str, count: int = 1) -> str:
    """The month ``count`` months later (or earlier, if negative); months are 'YYYYMM'."""
    index = int(month[:4]) * 12 + int(month[4:]) - 1 + count
    return f"{index // 12:04d}{index % 12 + 1:02d}"


async def make_partitions(db: Database, months: Iterable[str]) -> list[str]:
    """Make the partitions of these months where they are missing; the months made."""
    wanted = set(months)
    if wanted <= set(await repository.list_partitions(db)):
        return []
    async with db.transaction() as session:
        return await make_partitions_in(session, wanted)


async def make_partitions_in(session: Session, months: Iterable[str]) -> list[str]:
    """The same inside a transaction; the schema lock keeps other nodes from making the same ones."""
    await session.fetch("lock_schema")
    missing = sorted(set(months) - set(await repository.list_partitions(session)))
    for month in missing:
        await session.script(
            "make_partition", month=month, **{"from": first_day(month), "to": first_day(month_after(month))}
        )
    return missing


async def make_ahead(db: Database) -> list[str]:
    """Make the partitions of this month and the next ``MONTHS_AHEAD``."""
    month = await repository.current_month(db)
    return await make_partitions(db, [month_after(month, ahead) for ahead in range(MONTHS_AHEAD + 1)])


class _EndedLately(Exception):
    """A job of a month has ended while the month was being dropped; rolls the drop back where DDL can be undone."""


async def drop_old(db: Database, keep_months: int) -> list[str]:
    """Drop the history that is older than ``keep_months`` whole months before this one; the months dropped.

    A month also stays while one of its jobs ended within the months that are kept.
    """
    oldest = month_after(await repository.current_month(db), -keep_months)
    old = [month for month in await repository.list_partitions(db) if month < oldest]
    dropped: list[str] = []
    for month in old:
        with suppress(_EndedLately):
            async with db.transaction() as session:
                await session.fetch("lock_schema")
                await _check_ends(session, month, oldest)
                await session.script("drop_partition", month=month, oldest=oldest)
                # Whatever was being written to the month when it was locked is committed now.
                await _check_ends(session, month, oldest)
            dropped.append(month)
    # Also the keys of months dropped before a crash: keys go some at a time, each time in a transaction of its own.
    kept = sorted(set(old) - set(dropped))
    before = month_after(oldest, -1)
    while await repository.forget_refs(db, before, kept, REFS_PER_STATEMENT) == REFS_PER_STATEMENT:
        pass
    return dropped


async def _check_ends(session: Session, month: str, oldest: str) -> None:
    if (await repository.list_late_ends(session)).get(month, "") >= oldest:
        raise _EndedLately(month)


def first_day(month: str) -> str:
    """The first moment of a month, as the scripts take it."""
    return f"{month[:4]}-{month[4:]}-01 00:00:00"
