"""A connection with a thread of its own: aioodbc's for handlers, and the driver's beneath it for our statements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import aioodbc
import pyodbc

from dbjobs.store.sqlite_threads import Desk, Outcome, step_aside
from dbjobs.store.sqlserver_driver import is_freetds
from dbjobs.store.sqlserver_errors import is_lost
from dbjobs.store.sqlserver_values import Size, sizes_of


class Result(NamedTuple):
    """The rows of a batch as the driver has them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Connection:
    """One connection and the thread in which all its work is done.

    aioodbc goes to its thread four times for a statement (cursor, execute, fetch, close); ours go there once. A
    statement's cursor is kept (unless ``keeps_cursors`` is False), and with it the plan that the server has prepared.

    A statement whose caller is cancelled goes on in the thread, and the connection is closed behind it. (The driver's
    own cancel is no way out: it has been seen to block its caller until the statement had ended.)

    Args:
        aio: aioodbc's connection, in autocommit mode: transactions are begun and ended by statements, so that a
            handler's `async with connection.cursor()` does not commit ours.
        raw: the driver's connection that it holds.
        executor: its single thread.
        desk: where results are delivered.
        ending: where the task of a connection that is being closed is kept.
    """

    def __init__(
        self,
        aio: aioodbc.Connection,
        raw: pyodbc.Connection,
        executor: ThreadPoolExecutor,
        desk: Desk,
        ending: set[asyncio.Task[None]],
    ) -> None:
        self.aio = aio
        self._raw = raw
        self._executor = executor
        self._desk = desk
        self._ending = ending
        self._cursors: dict[str, tuple[pyodbc.Cursor, list[Size]]] = {}
        self.keeps_cursors = True
        self._freetds = is_freetds(raw.getinfo(pyodbc.SQL_DRIVER_NAME))
        self._ended = False

    def is_closed(self) -> bool:
        """True if it cannot be used again."""
        return self._ended or bool(self.aio.closed)

    async def execute(self, text: str, values: Sequence[Any] = ()) -> Result:
        """Run a batch; the rows of its last result. If this is cancelled, the connection must be terminated."""
        future = self._desk.future()
        self._executor.submit(self._perform, lambda: self._execute(text, values), future)
        step_aside()
        try:
            result: Result = await future
        except pyodbc.Error as error:
            if is_lost(error):
                self.terminate()
            raise
        return result

    def terminate(self) -> None:
        """Close it when the statement under way has ended; the server rolls back what was not committed."""
        if not self._ended:
            task = asyncio.get_running_loop().create_task(self.close())
            self._ended = True
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Close it when the statement under way has ended."""
        self._ended = True
        try:
            with suppress(pyodbc.Error):  # it was closed from the other side
                await self.aio.close()
        finally:
            self._executor.shutdown(wait=False)

    def _perform(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        try:
            outcome = Outcome(future, work(), None)
        except BaseException as error:
            outcome = Outcome(future, None, error)
        self._desk.deliver([outcome])

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


def read(cursor: pyodbc.Cursor) -> Result:
    """The rows of a cursor's last result; reading on to the end also brings errors behind the first result."""
    result = Result((), ())
    while True:
        if cursor.description is not None:
            result = Result([column[0] for column in cursor.description], cursor.fetchall())
        if not cursor.nextset():
            return result


async def connect(
    dsn: str, desk: Desk, ending: set[asyncio.Task[None]], *, connect_timeout: int, command_timeout: int
) -> Connection:
    """Open a connection; the timeouts are in seconds."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="dbjobs-sqlserver")
    held: list[pyodbc.Connection] = []

    async def hold(raw: pyodbc.Connection) -> None:
        raw.timeout = command_timeout
        held.append(raw)

    try:
        aio = await aioodbc.connect(
            dsn=dsn, autocommit=True, timeout=connect_timeout, executor=executor, after_created=hold
        )
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return Connection(aio, held[0], executor, desk, ending)
