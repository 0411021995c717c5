"""A pool of connections that adds nothing to a statement.

The drivers' own pools reset or ping a connection at each use (a round trip), and some release it in a task of its
own; that took a third of the time of a single enqueue. Our sessions leave no state on a connection, so one that is
still open can be used again as it is. A connection that failed in any way but a plain refusal by the database is
closed by its user, and never handed out again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from dbjobs.errors import DatabaseError, DatabaseUnavailable


class Closable(Protocol):
    """What a pool needs of a connection."""

    def is_closed(self) -> bool:
        """True if it can no longer be used."""
        ...

    def terminate(self) -> None:
        """End it at once, whatever runs on it."""
        ...

    async def close(self) -> None:
        """End it politely."""
        ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """At most ``size`` connections, made when they are needed.

    A statement goes to an idle connection that has run it before, because its plan is there: the first runs on another
    one cost several times as much. If none has, it goes to the one that has run the most different statements, so a
    statement that comes again and again keeps a connection to itself. Among several, the oldest is used: after a rush,
    the others rest.

    Args:
        connect: makes a connection.
        size: the most connections.
        wait_seconds: how long to wait for one while all are in use; None: for ever.
        has_news: True if something has come for an idle connection: it is not used any more.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        size: int,
        *,
        wait_seconds: float | None = None,
        has_news: Callable[[C], bool] | None = None,
    ) -> None:
        self._connect = connect
        self._size = self._free = size
        self._wait_seconds = wait_seconds
        self._has_news = has_news
        self._idle: list[C] = []  # the oldest comes last
        self._ages: dict[C, int] = {}  # in the order in which they were made
        self._made = 0
        self._known: dict[C, set[str]] = {}  # names of the statements that each has run
        self._waiters: deque[asyncio.Future[C | None]] = deque()
        self._used: dict[C, float] = {}  # since when, by time.monotonic()
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[C]:
        """A connection for the length of the block; dropped, not reused, if the block is cancelled."""
        connection = await self.acquire()
        try:
            yield connection
        except asyncio.CancelledError:
            # A statement may still be under way on it.
            connection.terminate()
            raise
        finally:
            self.release(connection)

    @property
    def size(self) -> int:
        """The most connections."""
        return self._size

    async def acquire(self, statement: str = "") -> C:
        """Take a connection; waits while all are in use.

        Args:
            statement: the name of the one that will be run; empty for several, or one that is not prepared.

        Raises:
            DatabaseUnavailable: none came free in ``wait_seconds``.
        """
        while True:
            while self._idle:
                connection = self._choose(statement)
                self._used[connection] = time.monotonic()
                if self._has_news is not None and self._has_news(connection):
                    connection.terminate()  # nothing was asked, so the server has most likely closed it
                if not connection.is_closed():
                    return connection
                self._lose(connection)
            if self._free:
                connection = await self._make()
                self._known[connection].add(statement)
                return connection
            waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                async with asyncio.timeout(self._wait_seconds):
                    handed = await waiter
            except BaseException as error:
                if waiter.done() and not waiter.cancelled():
                    self._refuse(waiter.result())
                if not isinstance(error, TimeoutError):
                    raise
                busy = DatabaseUnavailable(
                    f"all {self._size} connections were in use for {self._wait_seconds:g} s (pool_size)"
                )
                busy.in_doubt = False
                raise busy from None
            if handed is not None:
                if not handed.is_closed():
                    self._known[handed].add(statement)
                    return handed
                self._lose(handed)

    def _choose(self, statement: str) -> C:
        idle, known = self._idle, self._known
        if statement:
            for at in range(len(idle) - 1, -1, -1):
                if statement in known[idle[at]]:
                    return idle.pop(at)
        at = max(range(len(idle)), key=lambda at: (len(known[idle[at]]), at))
        known[idle[at]].add(statement)
        return idle.pop(at)

    def release(self, connection: C) -> None:
        """Give a connection back; a closed one makes room for a new one."""
        if self._closed and not connection.is_closed():
            connection.terminate()
        if connection.is_closed():
            self._lose(connection)
            self._pass_on(None)
        else:
            self._used.pop(connection, None)
            self._pass_on(connection)

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        """Connections may be dead without knowing it, because one has been: make new ones.

        Args:
            unanswered_seconds: also end connections in use once they have been in use for this long: the answer that
                they wait for will not come.
        """
        idle, self._idle = self._idle, []
        for connection in idle:
            self._lose(connection)
            connection.terminate()
        if unanswered_seconds is not None and self._used:
            now, loop = time.monotonic(), asyncio.get_running_loop()
            for connection, since in list(self._used.items()):
                if now - since >= unanswered_seconds:
                    connection.terminate()
                else:
                    loop.call_later(since + unanswered_seconds - now, self._end_use, connection, since)

    def _end_use(self, connection: C, since: float) -> None:
        if self._used.get(connection) == since:  # still the same use
            connection.terminate()

    async def close(self, seconds: float) -> None:
        """Close the idle connections politely, within this time, and end all others."""
        self._closed = True
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
        self._used[connection] = time.monotonic()
        self._made += 1
        self._ages[connection] = self._made
        self._known[connection] = set()
        if self._closed:
            self.release(connection)
            raise DatabaseError("the database was closed")
        return connection

    def _refuse(self, handed: C | None) -> None:
        """Take back what was handed to a caller that no longer waits."""
        if handed is None:
            self._pass_on(None)
        else:
            self.release(handed)

    def _pass_on(self, connection: C | None) -> None:
        """Hand a connection, or the room for one (None), to the first that waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                if connection is not None:
                    self._used[connection] = time.monotonic()
                waiter.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)
            if len(self._idle) > 1:
                self._idle.sort(key=self._ages.__getitem__, reverse=True)

    def _lose(self, connection: C) -> None:
        """A connection that can be used no more makes room for a new one."""
        self._used.pop(connection, None)
        self._ages.pop(connection, None)
        self._known.pop(connection, None)
        self._free += 1
