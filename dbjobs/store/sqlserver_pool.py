"""A pool of connections that adds nothing to a statement: no ping, no reset (each would be a round trip)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from dbjobs.errors import DatabaseUnavailable
from dbjobs.store.sqlserver_connection import Connection


class Pool:
    """At most ``size`` connections, made when they are needed; the one used last is used next.

    Args:
        connect: makes a connection.
        size: the most connections.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._room = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._used: set[Connection] = set()
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for the length of the block.

        It is ended, not used again, if the block is cancelled (a statement may be under way on it still) or if the
        server does not answer.
        """
        await self._room.acquire()
        try:
            connection = await self._take()
            try:
                yield connection
            except BaseException as error:
                if not isinstance(error, Exception) or isinstance(error, DatabaseUnavailable):
                    self.end(connection)
                raise
            finally:
                self._used.discard(connection)
                if not connection.is_closed:
                    self._idle.append(connection)
        finally:
            self._room.release()

    def end(self, connection: Connection) -> None:
        """Close a connection that is in doubt; whoever has it gives it back as usual."""
        if not connection.is_closed:
            connection.interrupt()
        task = asyncio.get_running_loop().create_task(connection.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self, seconds: float) -> None:
        """Close all connections, politely within so many seconds."""
        idle, self._idle = self._idle, []
        for connection in (*idle, *self._used):
            self.end(connection)
        with anyio.move_on_after(seconds):
            while self._ending:
                await asyncio.wait(set(self._ending))

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                self._used.add(connection)
                return connection
        connection = await self._connect()
        self._used.add(connection)
        return connection
