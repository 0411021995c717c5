"""SQLite through Python's sqlite3: one file for what is alive, one more for each month of history."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio

from dbjobs.errors import DatabaseError, InvalidUrl, MissingPermission
from dbjobs.store.database import FillingSession, HandlersSession, Row, Session, T
from dbjobs.store.frozen import frozen_clocks
from dbjobs.store.own_thread import in_own_thread
from dbjobs.store.schemas import in_schema
from dbjobs.store.sqlite.callers import Callers, Sqlite3Callers, blocking_callers, callers, check_file
from dbjobs.store.sqlite.connection import MINIMUM_VERSION, connect, make_room
from dbjobs.store.sqlite.errors import is_full, translate
from dbjobs.store.sqlite.filling import FillingInPlace
from dbjobs.store.sqlite.history import History, HistoryFiles
from dbjobs.store.sqlite.script import Script, Scripts
from dbjobs.store.sqlite.session import CallerSession, InPlaceSession, WriterSession
from dbjobs.store.sqlite.threads import Connected, Readers
from dbjobs.store.sqlite.time import install
from dbjobs.store.sqlite.writer import Writer
from dbjobs.store.statements import Statements
from dbjobs.store.synchronous import Wait, run
from dbjobs.store.threads import Inbox
from dbjobs.store.url import check_known, hidden, number_option, split_url

CHANGED = "changed"  # the notice that some other connection has committed
_JOIN_SECONDS = 10.0


class SqliteDatabase:
    """An SQLite file (SQLite 3.40 and newer), shared by any number of threads and processes of one machine.

    Args:
        url: ``sqlite:///relative/path.db`` or ``sqlite:////absolute/path.db``; it may say ``busy_timeout``
            (seconds to wait for another process that writes, default 10) and ``pool_size`` (threads that
            read, default 2).
        schema: prefix of all tables.
        pool_size: the same as in the URL, and overrides it; 0, for a heartbeat: one thread reads, and one that writes
            starts only when it is needed.
    """

    dialect = "sqlite"
    one_writer = True

    def __init__(self, url: str, *, schema: str = "dbjobs", pool_size: int | None = None) -> None:
        path, options = _parse(url)
        self.url = url
        self.schema = schema
        self.path = path
        self._busy_seconds = float(number_option(options, "busy_timeout", 10))
        self._pool_size = number_option(options, "pool_size", 2) if pool_size is None else pool_size
        self.pool_size = self._pool_size
        self._files = HistoryFiles(path, schema)
        self.statements, self._scripts = _statements(schema)
        self._inbox: Inbox | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._nodes: Readers | None = None
        self._requests: Readers | None = None

    async def open(self) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_VERSION:
            raise DatabaseError(
                f"dbjobs needs SQLite {'.'.join(map(str, MINIMUM_VERSION))} or newer, and this Python has "
                f"{sqlite3.sqlite_version}"
            )
        inbox = self._inbox = Inbox()
        # The nodes' leases have a thread and a file of their own: they wait for nothing that is done with jobs.
        self._nodes = Readers(inbox, 1, self._connect_nodes, "nodes")
        self._readers = Readers(inbox, max(1, self._pool_size), self._connect_reader)
        try:
            if self._pool_size > 0:
                self._writer = self._new_writer(inbox)
                await self._writer.opened
            await self._nodes.submit(lambda *_: None)
        except BaseException as error:
            await self.close()
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path, opening=True) from error
            raise

    async def close(self) -> None:
        threads = [t for t in (self._readers, self._nodes, self._requests, self._writer) if t is not None]
        self._inbox = self._writer = self._readers = self._nodes = self._requests = None
        for thread in threads:
            thread.stop()

        def join() -> None:
            for thread in threads:
                thread.join(_JOIN_SECONDS)

        if threads:
            with anyio.CancelScope(shield=True):
                await in_own_thread(join)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        script = self._scripts.script(statement)
        if not script.steps:
            return ()
        try:
            rows: list[Row] = await self._thread_of(script).submit(
                lambda connection, history: _run(script, connection, history, parameters)
            )
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        held = self._opened.hold()
        try:
            try:
                await held.ready
            except BaseException:
                held.end(commit=False)  # for the writer, when it comes to it; nobody waits for that
                raise
            try:
                yield WriterSession(held, self.statements, self._scripts, self.path)
            except BaseException:
                # Tell it at once: the writer serves nobody else until it hears of the end.
                ended = held.end(commit=False)
                with anyio.CancelScope(shield=True):
                    await ended
                raise
            with anyio.CancelScope(shield=True):
                await held.end(commit=True)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    async def conduct(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        # As a whole on the writer's thread: an event loop that is blocked meanwhile keeps nobody from the file.
        def whole(connection: sqlite3.Connection, history: History) -> T:
            return run(work(InPlaceSession(connection, history, self.statements, self._scripts)))

        try:
            result: T = await self._opened.submit(whole)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return result

    async def fill(self, work: Callable[[FillingSession], Coroutine[Any, Any, T]]) -> T:
        def whole(connection: sqlite3.Connection, history: History) -> T:
            return run(work(FillingInPlace(connection, history, self.statements, self._scripts)))

        try:
            result: T = await self._opened.submit(whole)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return result

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[HandlersSession]:
        # A connection of the event loop's own thread, so that the handler can use it. There is one write lock
        # for a file, and this block holds the one writer: all other writes wait for its end.
        _ = self._opened
        try:
            connection = self._connect(self.path)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        with closing(connection):
            session = self._caller_session(Sqlite3Callers(connection))
            await session.begin()
            try:
                yield session
                try:
                    connection.commit()
                except sqlite3.Error as error:
                    raise translate(error, self.path) from error
            finally:
                connection.rollback()  # nothing, after a commit

    async def adopt(self, connection: Any) -> Session:
        given = callers(connection)
        await check_file(given, self.path)
        return self._caller_session(given)

    async def adopt_blocking(self, connection: Any, wait: Wait) -> Session:
        given = blocking_callers(connection)
        await check_file(given, self.path)
        return self._caller_session(given)

    def another(self) -> SqliteDatabase:
        return SqliteDatabase(self.url, schema=self.schema, pool_size=0)

    def for_engine(self, lease_seconds: float) -> SqliteDatabase:
        return self

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        pass  # a file cannot vanish behind a connection as a server can

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        writer = self._opened
        writer.watch(lambda: on_notice(CHANGED))
        on_ready(True)
        try:
            await anyio.sleep_forever()
        finally:
            writer.watch(None)
            on_ready(False)

    # --- connections ----------------------------------------------------------------------------

    @property
    def _opened(self) -> Writer:
        if self._writer is None:
            if self._inbox is None:
                raise _not_open()
            self._writer = self._new_writer(self._inbox)
        return self._writer

    def _new_writer(self, inbox: Inbox) -> Writer:
        return Writer(inbox, self._connect_writer, self._busy_seconds, archives=self._pool_size > 0)

    def _thread_of(self, script: Script) -> Readers | Writer:
        """Where a statement is run."""
        if self._nodes is None or self._readers is None or self._inbox is None:
            raise _not_open()
        if script.requests_only and not script.reads_only:
            # The request log's files have a thread of their own, too, made when it is needed: it holds up no job.
            if self._requests is None:
                self._requests = Readers(self._inbox, 1, self._connect_reader, "requests")
            return self._requests
        if script.nodes_only:
            return self._nodes
        return self._readers if script.reads_only else self._opened

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = connect(path, self.statements.text("open_connection"), self._busy_seconds, create=True)
        if (clock := frozen_clocks.get(path)) is not None:
            install(connection, clock)
        return connection

    def _connect_writer(self) -> Connected:
        connection = self._connect(self.path)
        if not os.access(self.path, os.W_OK):  # SQLite itself would report it only at the first write
            connection.close()
            raise MissingPermission(f"{self.path}: this user may not write the file")
        return connection, self._history()

    def _connect_reader(self) -> Connected:
        connection = self._connect(self.path)
        connection.execute("PRAGMA query_only = ON")
        return connection, self._history()

    def _connect_nodes(self) -> Connected:
        history = self._history()
        return history.nodes(), history

    def _history(self) -> History:
        return History(self._files, self.statements, self._scripts, self._busy_seconds)

    def _caller_session(self, callers: Callers) -> CallerSession:
        return CallerSession(callers, self._scripts, self.path, self._history, self._busy_seconds)


def _run(script: Script, connection: sqlite3.Connection, history: History, parameters: dict[str, Any]) -> list[Row]:
    try:
        return script.run(connection, history, parameters)
    except sqlite3.Error as error:
        # A lease is renewed on a full disk, too: the log of the nodes' file has had room for some before.
        if not script.nodes_only or not is_full(error) or not make_room(history.nodes(), "RESTART"):
            raise
        return script.run(connection, history, parameters)


def _not_open() -> DatabaseError:
    return DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")


@lru_cache(maxsize=16)
def _statements(schema: str) -> tuple[Statements, Scripts]:
    statements = Statements("sqlite", in_schema("sqlite", schema), lambda number, _: "?")
    return statements, Scripts(statements)


_INSTEAD = {"timeout": "write busy_timeout", "mode": "leave it out: jobs are written, too"}


def _parse(url: str) -> tuple[Path, dict[str, str]]:
    """The file and the options of a URL."""
    parts, options = split_url(url)
    form = "sqlite:///relative/path.db or sqlite:////absolute/path.db"
    if parts.netloc:
        raise InvalidUrl(f"database URL {hidden(url)!r} names a host before the path; expected {form}")
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise InvalidUrl(f"database URL {url!r} has no path; expected {form}")
    if name.startswith((":memory:", "file:")):
        raise InvalidUrl(
            f"database URL {url!r}: jobs must survive their process and are read over several connections, so they "
            f"need a file; expected {form}"
        )
    if name.split("/")[0] == "~":
        raise InvalidUrl(f"database URL {url!r}: '~' is not replaced by a home folder; write the whole path: {form}")
    if parts.fragment:
        raise InvalidUrl(f"database URL {url!r}: write '#' in a file name as %23")
    check_known(
        options,
        ("busy_timeout", "pool_size"),
        instead=_INSTEAD,
        otherwise="known options are busy_timeout and pool_size",
    )
    return Path(name).absolute(), options
