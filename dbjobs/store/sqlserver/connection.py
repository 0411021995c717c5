"""A connection with a thread of its own: aioodbc's for handlers, and the driver's beneath it for our statements."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import aioodbc
import anyio
import pyodbc

from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store.sqlserver.driver import is_freetds
from dbjobs.store.sqlserver.errors import is_lost
from dbjobs.store.sqlserver.limits import GRACE_SECONDS, Limits
from dbjobs.store.sqlserver.thread import ConnectionThread
from dbjobs.store.sqlserver.values import Size, sizes_of
from dbjobs.store.threads import Done, Inbox, step_aside


class Result(NamedTuple):
    """The rows of a batch as the driver has them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class ServerSession(NamedTuple):
    """A connection as the server names it. Numbers are used again, so the moment of its login belongs to it."""

    id: int
    started: str | None


class Connection:
    """One connection and the thread in which all its work is done.

    aioodbc goes to its thread four times for a statement (cursor, execute, fetch, close); ours go there once. A
    statement's cursor is kept (unless ``keeps_cursors`` is False), and with it the plan that the server has prepared.

    A statement that does not come back in time, or whose caller is cancelled, goes on in the thread, and the
    connection is given up with it: it is closed when (and if) the driver returns, and never used again. (The driver's
    own cancel does not help: it has been seen to block its caller until the statement had ended.)

    Args:
        aio: aioodbc's connection, in autocommit mode: transactions are begun and ended by statements, so that a
            handler's `async with connection.cursor()` does not commit ours.
        raw: the driver's connection that it holds.
        thread: where all its work is done.
        inbox: where results are delivered.
        where: host, port and database, for messages.
        limits: how long a round trip may take.
        kill: ends a session on the server; None where the role may not.
    """

    def __init__(
        self,
        aio: aioodbc.Connection,
        raw: pyodbc.Connection,
        thread: ConnectionThread,
        inbox: Inbox,
        where: str,
        limits: Limits,
        kill: Callable[[ServerSession], Awaitable[None]] | None = None,
    ) -> None:
        self.aio = aio
        self._raw = raw
        self._thread = thread
        self._inbox = inbox
        self._where = where
        self.limits = limits
        self._kill = kill
        self._cursors: dict[str, tuple[pyodbc.Cursor, list[Size]]] = {}
        self._given_up: set[asyncio.Future[Any]] = set()
        self.keeps_cursors = True
        self.session: ServerSession | None = None
        self.is_lost = False  # it did not answer, or broke: others may have, too
        self.timed_out = False  # what was under way may have been done, or may be yet
        self._used_at = time.monotonic()
        self._freetds = is_freetds(raw.getinfo(pyodbc.SQL_DRIVER_NAME))
        self._ended = False

    @property
    def idle_seconds(self) -> float:
        """For how long nothing has come from it."""
        return time.monotonic() - self._used_at

    def is_closed(self) -> bool:
        """True if it cannot be used again."""
        return self._ended or bool(self.aio.closed)

    async def execute(self, text: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> Result:
        """Run a batch; the rows of its last result.

        Args:
            seconds: another limit than that of a statement, for a batch without values.

        Raises:
            DatabaseUnavailable: no answer in time. The connection is given up, and its session ended on the server as
                far as that is possible; whether the batch was done is not known.
            pyodbc.Error.
        """
        if self.is_closed():
            lost = DatabaseUnavailable(f"the connection to SQL Server at {self._where} was lost")
            lost.in_doubt = False  # this batch was not sent
            raise lost
        work = partial(self._execute, text, values) if seconds is None else partial(self._run_long, text, seconds)
        seconds = (self.limits.statement if seconds is None else seconds) + GRACE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                result: Result = await self._in_thread(work)
        except TimeoutError as error:
            self.is_lost = self.timed_out = True
            self.terminate()
            await self._end_session()
            raise DatabaseUnavailable(f"SQL Server at {self._where} did not answer within {seconds:g} s") from error
        except pyodbc.Error as error:
            self._used_at = time.monotonic()
            if is_lost(error):
                self.is_lost = True
                self.terminate()
            raise
        except asyncio.CancelledError:
            self.terminate()
            raise
        self._used_at = time.monotonic()
        return result

    def terminate(self) -> None:
        """Close it when the statement under way has ended, if it does; the server rolls back what was not committed."""
        if not self._ended:
            self._ended = True
            self._thread.post(self._close)
            self._detach()

    async def close(self) -> None:
        """Close it; what takes too long goes on in its thread."""
        if self._ended:
            return
        self._ended = True
        try:
            async with asyncio.timeout(self.limits.kill):
                await self._in_thread(self._close)
        except TimeoutError:
            pass
        finally:
            self._detach()

    def _detach(self) -> None:
        self._thread.stop()
        self.aio._conn = None  # it is closed for its owner, and leaves nothing to close

    def _close(self) -> None:
        with suppress(pyodbc.Error):  # it was closed from the other side
            self._raw.close()

    async def _end_session(self) -> None:
        """End what goes on in the server: it would hold its locks, and might commit."""
        session, self.session = self.session, None
        if session is None or session.started is None or self._kill is None:
            return
        with anyio.CancelScope(shield=True), suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(self.limits.kill):
                await self._kill(session)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        future = self._inbox.future()
        self._thread.post(lambda: self._perform(work, future))
        step_aside()
        try:
            return await future
        except asyncio.CancelledError:  # by a time limit, too: it may never arrive
            if future.cancelled():
                self._given_up.add(future)
                self._inbox.take_in([Done(future, None, None)])
            raise

    def _perform(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        try:
            done = Done(future, work(), None)
        except BaseException as error:
            done = Done(future, None, error)
        self._inbox.call(self._arrive, done)

    def _arrive(self, done: Done) -> None:
        if done.future in self._given_up:
            self._given_up.discard(done.future)
        else:
            self._inbox.take_in([done])

    def _run_long(self, text: str, seconds: float) -> Result:
        usual, self._raw.timeout = self._raw.timeout, in_whole_seconds(seconds)
        try:
            return self._execute(text, ())
        finally:
            self._raw.timeout = usual

    def _execute(self, text: str, values: Sequence[Any]) -> Result:
        if not values:
            cursor = self._raw.cursor()
            try:
                cursor.execute(text)
                return read(cursor)
            finally:
                cursor.close()
        sizes = sizes_of(values, freetds=self._freetds)
        cursor, before = self._cursors.get(text) or (self._raw.cursor(), None)
        if sizes != before:
            cursor.setinputsizes(sizes)
            self._cursors[text] = (cursor, sizes)
        try:
            cursor.execute(text, *values)
            result = read(cursor)
        except BaseException:
            self._cursors.pop(text, None)
            raise
        if not self.keeps_cursors:
            self._cursors.pop(text)
            cursor.close()
        return result


def in_whole_seconds(seconds: float) -> int:
    """A limit as the driver has it, never 0, which would mean no limit."""
    return math.ceil(seconds)


def read(cursor: pyodbc.Cursor) -> Result:
    """The rows of a cursor's last result; reading on to the end also brings errors behind the first result."""
    result = Result((), ())
    while True:
        if cursor.description is not None:
            result = Result([column[0] for column in cursor.description], cursor.fetchall())
        if not cursor.nextset():
            return result


async def connect(
    dsn: str,
    inbox: Inbox,
    where: str,
    limits: Limits,
    kill: Callable[[ServerSession], Awaitable[None]] | None = None,
) -> Connection:
    """Open a connection.

    Raises:
        DatabaseUnavailable: no answer in time. pyodbc.Error.
    """
    thread = ConnectionThread()
    held: list[pyodbc.Connection] = []

    async def hold(raw: pyodbc.Connection) -> None:
        raw.timeout = in_whole_seconds(limits.statement if limits.handler is None else limits.handler)
        held.append(raw)

    seconds = limits.connect + GRACE_SECONDS
    try:
        async with asyncio.timeout(seconds):
            aio = await aioodbc.connect(
                dsn=dsn, autocommit=True, timeout=in_whole_seconds(limits.connect), executor=thread, after_created=hold
            )
        return Connection(aio, held[0], thread, inbox, where, limits, kill)
    except BaseException as error:
        thread.stop()  # when the driver returns, if it does: what it brings is closed with its last reference
        if isinstance(error, TimeoutError):
            raise DatabaseUnavailable(f"SQL Server at {where} did not answer within {seconds:g} s") from error
        raise
