"""Runs a piece of work in a transaction until no other transaction gets in its way."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from dbjobs.errors import TransactionConflict
from dbjobs.store.database import Database, Session

CONFLICT_RETRIES = 10
_FIRST_DELAY_SECONDS = 0.005

T = TypeVar("T")


async def in_transaction(db: Database, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run ``work`` in a transaction, again as a whole after a deadlock or serialisation failure.

    Args:
        work: gets the session; may run several times, so it must not change anything but the database.

    Raises:
        TransactionConflict: the last one, after ``CONFLICT_RETRIES`` tries.
    """

    async def once() -> T:
        async with db.transaction() as session:
            return await work(session)

    return await without_conflict(once)


async def without_conflict(work: Callable[[], Awaitable[T]]) -> T:
    """Repeat ``work`` (a transaction of its own) after a conflict, with a jittered, growing delay."""
    delay = _FIRST_DELAY_SECONDS
    for _ in range(CONFLICT_RETRIES):
        try:
            return await work()
        except TransactionConflict:
            await anyio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, 0.5)
    return await work()
