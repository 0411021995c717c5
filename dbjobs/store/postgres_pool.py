"""A pool of asyncpg connections that adds nothing to a statement.

asyncpg's own pool resets a connection at each use (a round trip) and releases it in a task of its own; on
the path of a single enqueue that was a third of the time. Our sessions change no connection state, so a
connection that is still open can be used again as it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]  # generic in its stubs only
else:
    Connection = asyncpg.Connection


class Pool:
    """At most ``size`` connections, made when they are needed; the one used last is used next.

    Args:
        connect: makes a connection.
        size: the most connections.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._free = size
        self._idle: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._used: set[Connection] = set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
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

    async def acquire(self) -> Connection:
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
            waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                handed = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._pass_on(waiter.result())
                raise
            if handed is not None:
                return handed

    def release(self, connection: Connection) -> None:
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
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # it was closed from the other side, or does not answer: ended below
        for connection in (*idle, *self._used):
            if not connection.is_closed():
                connection.terminate()

    async def _make(self) -> Connection:
        self._free -= 1
        try:
            connection = await self._connect()
        except BaseException:
            self._free += 1
            self._pass_on(None)
            raise
        self._used.add(connection)
        return connection

    def _pass_on(self, connection: Connection | None) -> None:
        """Hand a connection, or the room for one (None), to the first that waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._used.discard(connection)
            self._idle.append(connection)
