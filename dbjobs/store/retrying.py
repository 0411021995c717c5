"""Repeats work after a conflict with another transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from dbjobs.errors import LockTimeout, TransactionConflict

CONFLICT_RETRIES = 10
# How long a lock is waited for in all, whatever a connection's own limit is.
LOCK_SECONDS = 9.0
_FIRST_DELAY_SECONDS = 0.005

T = TypeVar("T")


async def without_conflict(work: Callable[[], Awaitable[T]]) -> T:
    """Repeat ``work`` (a transaction of its own) after a conflict, with a jittered, growing delay.

    Raises:
        TransactionConflict: the last one, after ``CONFLICT_RETRIES`` tries. LockTimeout: after ``LOCK_SECONDS``.
    """
    delay = _FIRST_DELAY_SECONDS
    began = time.monotonic()
    for _ in range(CONFLICT_RETRIES):
        try:
            return await work()
        except TransactionConflict as error:
            if isinstance(error, LockTimeout) and time.monotonic() - began >= LOCK_SECONDS:
                raise  # its holder keeps the lock: another try would be another wait
            await anyio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, 0.5)
    return await work()
