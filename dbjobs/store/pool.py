"""A pool of connections that adds nothing to a statement.

The drivers' own pools reset or ping a connection at each use (a round trip), and some release it in a task of its
own; on the path of a single enqueue that was a third of the time. Our sessions leave no state on a connection, so
one that is still open can be used again as it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What a pool must know of a connection."""

    def is_closed(self) -> bool:
        """True if it can be used no more."""
        ...

    def terminate(self) -> None:
        """End it at once, whatever runs on it."""
        ...

    async def close(self) -> None:
        """End it politely."""
        ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """At most ``size`` connections, made when they are needed; the one used last is used next.

    Args:
        connect: makes a connection.
        size: the most connections.
    """

    def __init__(self, connect: Callable[[], Awaitable[C]], size: int) -> None:
        self._connect = connect
        self._free = size
        self._idle: list[C] = []
        self._waiters: deque[asyncio.Future[C | None]] = deque()
        self._used: set[C] = set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[C]:
        """A connection for the length of the block; dropped, not reused, if the block is cancelled."""
        connection = await self.acquire()
        try:
            yield connection
        except asyncio.CancelledError:
            # A statement may be under way on it still.
            connection.terminate()
            raise
        finally:
            self.release(connection)

    async def acquire(self) -> C:
        """Take a connection; waits while all are in use."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    self._used.add(connection)
                    return connection
                self._free += 1
            if self._free:
                return await self._make()
            waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                handed = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._pass_on(waiter.result())
                raise
            if handed is not None:
                return handed

    def release(self, connection: C) -> None:
        """Give a connection back; a closed one makes room for a new one."""
        if connection.is_closed():
            self._used.discard(connection)
            self._free += 1
            self._pass_on(None)
        else:
            self._pass_on(connection)

    async def close(self, seconds: float) -> None:
        """Close the idle connections politely, within so many seconds, and end all others."""
        idle, self._idle = self._idle, []
        try:
            async with asyncio.timeout(seconds):
                for connection in idle:
                    await connection.close()
        except Exception:
            pass  # it was closed from the other side, or does not answer: ended below
        for connection in (*idle, *self._used):
            if not connection.is_closed():
                connection.terminate()

    async def _make(self) -> C:
        self._free -= 1
        try:
            connection = await self._connect()
        except BaseException:
            self._free += 1
            self._pass_on(None)
            raise
        self._used.add(connection)
        return connection

    def _pass_on(self, connection: C | None) -> None:
        """Hand a connection, or the room for one (None), to the first that waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._used.discard(connection)
            self._idle.append(connection)
