"""SQL Server (2016 SP1 and newer) and Azure SQL through aioodbc: pool, transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aioodbc
import anyio
import pyodbc

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption
from dbjobs.store.adopting import refused, refused_blocking
from dbjobs.store.database import FillingSession, HandlersSession, Row, Session, T
from dbjobs.store.pool import Pool
from dbjobs.store.sqlserver.connection import Connection, Result, ServerSession, connect
from dbjobs.store.sqlserver.driver import find_driver
from dbjobs.store.sqlserver.errors import nothing_stored, translated
from dbjobs.store.sqlserver.limits import LOCK_SECONDS, Limits
from dbjobs.store.sqlserver.session import (
    BlockingConnection,
    CallersConnection,
    Line,
    SqlServerSession,
    batches_of,
    fetch,
)
from dbjobs.store.sqlserver.url import connection_string, parse
from dbjobs.store.synchronous import Wait
from dbjobs.store.threads import Inbox

CLOSE_SECONDS = 5.0
# Ping a connection that has been idle for this long before trusting it with a statement.
IDLE_SECONDS = 5.0
PING_SECONDS = 2.0
# OPENJSON is there from this compatibility level on, which is SQL Server 2016's own; a database that came from an older
# server keeps its level (Microsoft's "ALTER DATABASE (Transact-SQL) compatibility level").
LEAST_LEVEL = 130


class SqlServerDatabase:
    """A SQL Server database.

    Args:
        url: ``mssql://user:password@host:1433/database``; it may say ``driver`` (name or path of the ODBC driver;
            else one is found), ``pool_size`` (connections of one client, default 4), ``connect_timeout`` and
            ``command_timeout`` (seconds; 10 and 60). All other options (``Encrypt``, ``TrustServerCertificate``,
            ...) go to the ODBC driver.
        schema: where the tables are.
    """

    dialect = "sqlserver"
    one_writer = False

    def __init__(self, url: str, *, schema: str = "dbjobs", pool_size: int | None = None) -> None:
        self.url = url
        self.schema = schema
        self._target = parse(url)
        self._pool_size = pool_size or self._target.pool_size
        seconds = self._target.command_timeout
        self._limits = Limits(self._target.connect_timeout, seconds, min(LOCK_SECONDS, seconds * 0.8))
        self.pool_size = self._pool_size
        self._batches = batches_of(schema)
        self.statements = self._batches.statements
        self._dsn = ""
        self._inbox: Inbox | None = None
        self._pool: Pool[Connection] | None = None
        self._handlers_pool: Pool[Connection] | None = None

    async def open(self) -> None:
        self._dsn = connection_string(self._target, self._target.driver or find_driver())
        self._inbox = Inbox()
        self._pool = Pool(lambda: self._connect(self._limits), self._pool_size, wait_seconds=self._limits.statement)
        try:
            async with self._connection(self._pool):
                pass
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._handlers_pool) if pool is not None]
        self._pool = self._handlers_pool = None
        with anyio.CancelScope(shield=True):
            for pool in pools:
                await pool.close(CLOSE_SECONDS)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        batch = self._batches[statement]
        if not batch.text:
            return ()
        async with self._connection(self._opened) as connection:
            return await fetch(connection, batch, {"schema": self.schema} | parameters, self._target.where)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._transaction(self._opened) as session:
            yield session

    async def conduct(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        async with self.transaction() as session:
            return await work(session)

    async def fill(self, work: Callable[[FillingSession], Coroutine[Any, Any, T]]) -> T:
        async with self._transaction(self._opened) as session:
            return await work(session)

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[HandlersSession]:
        _ = self._opened
        if self._handlers_pool is None:
            limits = self._limits.for_handlers(self._target.command_timeout)
            self._handlers_pool = Pool(lambda: self._connect(limits), self._pool_size)
        async with self._transaction(self._handlers_pool) as session:
            yield session

    @asynccontextmanager
    async def _transaction(self, pool: Pool[Connection]) -> AsyncIterator[SqlServerSession]:
        for again in (True, False):
            async with self._connection(pool) as connection:
                if not await self._begins(connection, again=again):
                    continue
                session = SqlServerSession(connection, self.schema, self._target.where)
                try:
                    yield session
                except BaseException as error:
                    if session.is_changed or not isinstance(error, Exception):
                        connection.terminate()  # in doubt: the server rolls back what it held
                    else:
                        with anyio.CancelScope(shield=True):
                            await self._roll_back(connection)
                    raise
                with anyio.CancelScope(shield=True):  # not for ever: it has a limit, as every round trip has
                    await self._execute(connection, self.statements.text("commit"))
                return

    async def _begins(self, connection: Connection, *, again: bool) -> bool:
        """Start a transaction; False if the connection was lost, and ``again``: nothing was done on it yet."""
        try:
            with nothing_stored():
                await self._execute(connection, self.statements.text("begin"))
        except DatabaseUnavailable:
            if not again or connection.timed_out or not connection.is_closed():
                raise
            return False
        return True

    async def _roll_back(self, connection: Connection) -> None:
        if connection.is_closed():
            return
        try:
            await self._execute(connection, self.statements.text("rollback"))
        except DatabaseError:
            connection.terminate()

    async def adopt(self, connection: Any) -> Session:
        if not isinstance(connection, aioodbc.Connection):
            raise refused(connection, "an aioodbc connection")
        if connection.closed:
            raise InvalidOption("connection= is closed")
        line = CallersConnection(connection, self._target.where, self._limits)
        await self._check_transaction(line, connection)
        return SqlServerSession(line, self.schema, self._target.where, callers=True)

    async def adopt_blocking(self, connection: Any, wait: Wait) -> Session:
        if not isinstance(connection, pyodbc.Connection):
            raise refused_blocking(connection, "a pyodbc connection")
        if connection.closed:
            raise InvalidOption("connection= is closed")
        line = BlockingConnection(connection, self._limits)
        await self._check_transaction(line, connection)
        return SqlServerSession(line, self.schema, self._target.where, callers=True)

    async def _check_transaction(self, line: Line, connection: Any) -> None:
        """Refuse a caller's connection that would commit each statement of an enqueue by itself."""
        if not connection.autocommit:
            return
        with translated(self._target.where):
            result = await line.execute(self.statements.text("count_transactions"))
        if not result.rows[0][0]:
            raise InvalidOption("connection= has no open transaction and commits by itself: begin one on it first")

    def another(self) -> SqlServerDatabase:
        return self._like_this(1, self._limits)

    def for_engine(self, lease_seconds: float) -> SqlServerDatabase:
        return self._like_this(self._pool_size, self._limits.following(lease_seconds))

    def _like_this(self, pool_size: int, limits: Limits) -> SqlServerDatabase:
        database = SqlServerDatabase(self.url, schema=self.schema, pool_size=pool_size)
        database._limits = limits
        return database

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        if self._pool is not None:
            self._pool.distrust(unanswered_seconds)
        if self._handlers_pool is not None:
            self._handlers_pool.distrust()  # a handler may keep a transaction open for long

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        """Return at once: SQL Server sends no notices."""

    # --- connections ----------------------------------------------------------------------------

    @property
    def _opened(self) -> Pool[Connection]:
        if self._pool is None:
            raise DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")
        return self._pool

    @asynccontextmanager
    async def _connection(self, pool: Pool[Connection]) -> AsyncIterator[Connection]:
        """A connection for the length of the block; dropped, not reused, if the block is cancelled."""
        connection = await self._acquire(pool)
        try:
            yield connection
        finally:
            pool.release(connection)
            if connection.is_lost:
                self.distrust()  # the same cause may have ended others

    async def _acquire(self, pool: Pool[Connection]) -> Connection:
        """A connection that answers, or did so lately: the driver does not tell that one died while it lay idle."""
        while True:
            connection = await pool.acquire()
            if connection.idle_seconds < IDLE_SECONDS:
                return connection
            try:
                with translated(self._target.where):
                    seconds = min(PING_SECONDS, connection.limits.statement)
                    await connection.execute(self.statements.text("ping"), seconds=seconds)
            except DatabaseError:
                connection.terminate()
                pool.release(connection)
                pool.distrust()
            except BaseException:
                pool.release(connection)
                raise
            else:
                return connection

    async def _connect(self, limits: Limits, *, may_kill: bool = True) -> Connection:
        assert self._inbox is not None
        with nothing_stored(), translated(self._target.where):
            kill = self._kill if may_kill else None
            connection = await connect(self._dsn, self._inbox, self._target.where, limits, kill)
        try:
            text = self.statements.text("open_connection").replace("{lock_milliseconds}", limits.lock_milliseconds)
            with nothing_stored():
                settings = await self._execute(connection, text)
            keeps_cursors, level, session_id, started = settings.rows[0]
            check_level(level, self._target.where)
            connection.keeps_cursors = bool(keeps_cursors)
            connection.session = ServerSession(session_id, started)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _kill(self, session: ServerSession) -> None:
        """End a session on the server if this role may: it would hold its locks while its batch goes on."""
        with translated(self._target.where):
            connection = await self._connect(self._limits, may_kill=False)
        try:
            ours = SqlServerSession(connection, self.schema, self._target.where)
            await ours.fetch("kill_connection", session_id=session.id, session_started=session.started)
        finally:
            connection.terminate()

    async def _execute(self, connection: Connection, text: str) -> Result:
        with translated(self._target.where):
            return await connection.execute(text)


def check_level(level: int | None, where: str) -> None:
    """Refuse a database whose compatibility level (None: not known) is too old for our statements.

    Raises:
        DatabaseError.
    """
    if level is not None and level < LEAST_LEVEL:
        raise DatabaseError(
            f"the database at {where} has the compatibility level {level}; dbjobs needs {LEAST_LEVEL} "
            f"(SQL Server 2016) or higher: ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = {LEAST_LEVEL}"
        )
