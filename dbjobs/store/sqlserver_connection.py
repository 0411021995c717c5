"""A connection with a thread of its own: aioodbc's for handlers, and the driver's beneath it for our statements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import aioodbc
import pyodbc

from dbjobs.store.sqlite_threads import Desk, Outcome, step_aside
from dbjobs.store.sqlserver_values import Size, sizes_of

T = TypeVar("T")


class Result(NamedTuple):
    """The rows of a batch as the driver has them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Connection:
    """One connection and the thread in which all its work is done.

    aioodbc goes to its thread four times for a statement (cursor, execute, fetch, close); ours go there once. A
    statement's cursor is kept, and with it the plan that the server has prepared.

    Args:
        aio: aioodbc's connection, in autocommit mode: transactions are begun and ended by statements, so that a
            handler's `async with connection.cursor()` does not commit ours.
        raw: the driver's connection that it holds.
        executor: its single thread.
        desk: where results are delivered.
    """

    def __init__(
        self, aio: aioodbc.Connection, raw: pyodbc.Connection, executor: ThreadPoolExecutor, desk: Desk
    ) -> None:
        self.aio = aio
        self._raw = raw
        self._executor = executor
        self._desk = desk
        self._cursors: dict[str, tuple[pyodbc.Cursor, list[Size]]] = {}
        self._running: pyodbc.Cursor | None = None
        self._ended = False

    @property
    def is_closed(self) -> bool:
        """True if it cannot be used again."""
        return self._ended or self.aio.closed

    async def execute(self, text: str, values: Sequence[Any] = ()) -> Result:
        """Run a batch; the rows of its last result. If this is cancelled, the connection must be ended."""
        return await self._run(lambda: self._execute(text, values))

    async def close(self) -> None:
        """Close it after what it is doing."""
        self._ended = True
        try:
            await self.aio.close()
        except pyodbc.Error:
            pass  # it was closed from the other side
        finally:
            self._executor.shutdown(wait=False)

    def interrupt(self) -> None:
        """Ask the server to give up the statement under way; from here on the connection cannot be used."""
        self._ended = True
        running = self._running
        if running is not None:
            try:
                running.cancel()
            except pyodbc.Error:
                pass  # it has ended in this moment

    async def _run(self, work: Callable[[], T]) -> T:
        future = self._desk.future()
        self._executor.submit(self._perform, work, future)
        step_aside()
        result: T = await future
        return result

    def _perform(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        try:
            outcome = Outcome(future, work(), None)
        except BaseException as error:
            outcome = Outcome(future, None, error)
        self._desk.deliver([outcome])

    def _execute(self, text: str, values: Sequence[Any]) -> Result:
        if not values:
            cursor = self._running = self._raw.cursor()
        else:
            sizes = sizes_of(values)
            cursor, before = self._cursors.get(text) or (self._raw.cursor(), [])
            self._running = cursor
            if sizes != before:
                cursor.setinputsizes(sizes)
                self._cursors[text] = (cursor, sizes)
        try:
            cursor.execute(text, *values)
            return read(cursor)
        except BaseException:
            self._cursors.pop(text, None)
            raise
        finally:
            self._running = None
            if not values:
                cursor.close()


def read(cursor: pyodbc.Cursor) -> Result:
    """The rows of a cursor's last result; reading on to the end also brings errors behind the first result."""
    result = Result((), ())
    while True:
        if cursor.description is not None:
            result = Result([column[0] for column in cursor.description], cursor.fetchall())
        if not cursor.nextset():
            return result


async def connect(dsn: str, desk: Desk, *, connect_timeout: int, command_timeout: int) -> Connection:
    """Open a connection."""
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
    return Connection(aio, held[0], executor, desk)
