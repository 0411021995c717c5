"""Repeats work after a conflict with another transaction: one policy for every caller.

Work that is repeated as a whole contains statements that a database repeats by itself (MySQL's does). Only the
outermost repeats: it gets a conflict inside at once, so tries and waits for a lock are never multiplied.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import anyio

from dbjobs.errors import LockTimeout, TransactionConflict

CONFLICT_RETRIES = 10
# The longest total wait for a lock, whatever a connection's own limit is.
LOCK_SECONDS = 9.0
_FIRST_DELAY_SECONDS = 0.005

P = ParamSpec("P")
T = TypeVar("T")

# True inside work that an outer caller repeats.
_is_repeated: ContextVar[bool] = ContextVar("dbjobs_is_repeated", default=False)


async def without_conflict(work: Callable[[], Awaitable[T]], *, is_part: bool = False) -> T:
    """Repeat ``work`` (a transaction of its own) after a conflict, with a jittered, growing delay.

    Inside work that is repeated already, it runs once.

    Args:
        is_part: other parts of the outer work are committed by now, and would be done twice; so this part is repeated
            here.

    Raises:
        TransactionConflict: the last one, after ``CONFLICT_RETRIES`` tries. LockTimeout: after ``LOCK_SECONDS``.
    """
    if _is_repeated.get() and not is_part:
        return await work()
    outside = _is_repeated.set(True)
    try:
        return await _repeat(work)
    finally:
        _is_repeated.reset(outside)


def repeats_itself(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Mark a function that handles conflicts in its own way: the statements inside it are not repeated."""

    @wraps(function)
    async def repeating(*arguments: P.args, **named: P.kwargs) -> T:
        outside = _is_repeated.set(True)
        try:
            return await function(*arguments, **named)
        finally:
            _is_repeated.reset(outside)

    return repeating


async def _repeat(work: Callable[[], Awaitable[T]]) -> T:
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
