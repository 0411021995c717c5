"""Runs our asynchronous code to its end in a thread without an event loop, on blocking connections.

A statement is written once, as a coroutine. On a connection of a synchronous driver nothing in it ever has to wait:
each answer is there when ``fetch`` returns. So one ``send(None)`` runs it to its end. Other waits (a pause
before the next look, a limit for a lock) block the thread here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar, Token
from typing import Any, TypeVar

import anyio

from dbjobs.store.database import Database, Row, Session

T = TypeVar("T")
# Runs a coroutine in an event loop of ours, in another thread, and waits for its result.
Wait = Callable[[Coroutine[Any, Any, Any]], Any]

_until: ContextVar[float | None] = ContextVar("dbjobs_until", default=None)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it here and now.

    Raises:
        RuntimeError: it waited for something that only an event loop can bring, which is a bug of ours.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} waits for an event loop, and this thread has none")


def in_event_loop() -> bool:
    """True if an asyncio event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def pause(seconds: float) -> None:
    """Pause: the event loop goes on meanwhile; a thread without a loop sleeps."""
    if in_event_loop():
        await anyio.sleep(seconds)
    else:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no loop


def time_limit(seconds: float) -> AbstractAsyncContextManager[Any]:
    """Raise TimeoutError when the block takes longer; a blocking connection asks ``seconds_left`` for this."""
    return asyncio.timeout(seconds) if in_event_loop() else _Until(seconds)


def seconds_left() -> float | None:
    """What is left of the ``time_limit`` around this statement, at least 0; None if there is none."""
    until = _until.get()
    return None if until is None else max(until - time.monotonic(), 0.0)


def shielded() -> AbstractContextManager[Any]:
    """No cancellation reaches the block; a thread without an event loop knows none."""
    return anyio.CancelScope(shield=True) if in_event_loop() else nullcontext()


class BlockingDatabase:
    """The open database of an event loop of ours, for a thread without one.

    Args:
        database: open in that loop.
        wait: runs a coroutine there.
    """

    def __init__(self, database: Database, wait: Wait) -> None:
        self._database = database
        self._wait = wait
        self.one_writer = database.one_writer

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        """See Database."""
        rows: Sequence[Row] = self._wait(self._database.fetch(statement, **parameters))
        return rows

    async def adopt(self, connection: Any) -> Session:
        """The caller's own synchronous connection as a session, whose statements are done when ``fetch`` returns."""
        return await self._database.adopt_blocking(connection, self._wait)


@asynccontextmanager
async def lent(
    acquire: Callable[[], Coroutine[Any, Any, T]], release: Callable[[T], None], wait: Wait
) -> AsyncIterator[T]:
    """Something of a pool that lives in our event loop, for the length of the block."""

    async def give_back() -> None:
        release(taken)

    taken: T = wait(acquire())
    try:
        yield taken
    finally:
        wait(give_back())


class _Until(AbstractAsyncContextManager[None]):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._token: Token[float | None] | None = None

    async def __aenter__(self) -> None:
        self._token = _until.set(time.monotonic() + self._seconds)

    async def __aexit__(self, *_: object) -> None:
        assert self._token is not None
        _until.reset(self._token)
