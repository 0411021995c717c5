"""Callers' own SQLite connections: sqlite3's, in the calling thread, and aiosqlite's, each in a thread of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dbjobs.errors import InvalidOption
from dbjobs.store.adopting import is_instance, refused, refused_blocking
from dbjobs.store.sqlite.errors import translate

T = TypeVar("T")

KINDS = "a sqlite3.Connection, or an aiosqlite connection"


class Callers(Protocol):
    """A connection that is not ours."""

    @property
    def given(self) -> Any:
        """The caller's connection."""
        ...

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call ``work(connection)`` where the connection may be used."""
        ...


class Sqlite3Callers:
    """A ``sqlite3.Connection``: it belongs to the thread that calls us, like its owner."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.given = connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.given)


class AiosqliteCallers:
    """An ``aiosqlite.Connection``: the sqlite3 connection below it may be used in its own thread only.

    aiosqlite's public calls run one sqlite3 call in that thread each, and none runs a function. All of them use
    the one that does, ``Connection._execute(function, *arguments)``, which has been the heart of aiosqlite since its
    first release. One trip to the thread for a whole file of statements, with the connection's settings put back at
    its end, is what we need: between two trips the caller's own statements would meet our settings.
    """

    def __init__(self, connection: Any) -> None:
        self.given = connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            result: T = await self.given._execute(self._call, work)
        except ValueError as error:  # closed, or not yet awaited
            raise InvalidOption(f"connection= cannot be used here: {error}") from error
        return result

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.given._conn)


def callers(connection: Any) -> Callers:
    """Wrap the caller's connection for use.

    Raises:
        InvalidOption: it is neither of the two.
    """
    if isinstance(connection, sqlite3.Connection):
        return Sqlite3Callers(connection)
    if is_instance(connection, "aiosqlite", "Connection"):
        return AiosqliteCallers(connection)
    raise refused(connection, KINDS)


def blocking_callers(connection: Any) -> Callers:
    """The same in code without an event loop.

    Raises:
        InvalidOption: it is not one of sqlite3.
    """
    if isinstance(connection, sqlite3.Connection):
        return Sqlite3Callers(connection)
    raise refused_blocking(connection, "a sqlite3.Connection")


async def check_file(callers: Callers, path: Path) -> None:
    """Refuse a connection to a file other than our main one.

    Raises:
        InvalidOption.
    """
    try:
        file = await callers.run(_main_file)
    except sqlite3.ProgrammingError as error:
        raise InvalidOption(f"connection= cannot be used here: {error}") from error
    except sqlite3.Error as error:
        raise translate(error, path) from error
    if not file or not _same_file(Path(file), path):
        raise InvalidOption(f"connection= is open on {file or 'no file'}, and the jobs are in {path}")


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def begins_by_itself(connection: sqlite3.Connection) -> bool:
    """True if its owner expects the first write to begin a transaction that ``commit()`` ends.

    Not if statements begin and end transactions: ``isolation_level`` is None, or ``autocommit`` (which Python has
    since 3.12) is True.
    """
    return connection.isolation_level is not None and getattr(connection, "autocommit", False) is not True


@contextmanager
def as_made(connection: sqlite3.Connection) -> Iterator[None]:
    """The connection gives text as str and rows as tuples, whatever its owner has set; put back afterwards."""
    text_factory, row_factory = connection.text_factory, connection.row_factory
    connection.text_factory, connection.row_factory = str, None
    try:
        yield
    finally:
        connection.text_factory, connection.row_factory = text_factory, row_factory


@contextmanager
def impatient(connection: sqlite3.Connection) -> Iterator[None]:
    """The connection does not wait for a lock, whatever its owner has set; put back afterwards."""
    timeout = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout:d}")


def _main_file(connection: sqlite3.Connection) -> str | None:
    with as_made(connection):
        return {row[1]: row[2] for row in connection.execute("PRAGMA database_list")}.get("main")
