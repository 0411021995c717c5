"""Runs work in a transaction, retrying conflicts and making missing months of the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from dbjobs.errors import PartitionMissing
from dbjobs.store.database import Database, Session
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.partitions import make_partitions

_MOST_MONTHS = 100  # that one piece of work may need

T = TypeVar("T")


async def in_transaction(db: Database, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    """Run ``work`` in a transaction, again as a whole after a deadlock or serialisation failure.

    Args:
        work: gets the session, and awaits nothing else; may run several times, so it must not change anything but the
            database.

    Raises:
        TransactionConflict: the last one, after ``CONFLICT_RETRIES`` tries.
    """
    return await with_months(db, lambda: without_conflict(lambda: db.conduct(work)))


async def with_months(db: Database, work: Callable[[], Awaitable[T]]) -> T:
    """Repeat ``work`` (a transaction of its own) after making the month of history that it had no place in."""
    for _ in range(_MOST_MONTHS):
        try:
            return await work()
        except PartitionMissing as missing:
            if missing.month is None:
                raise
            await make_partitions(db, [missing.month])
    return await work()
