"""SQL Server (2016 SP1 and newer) and Azure SQL through aioodbc: pool, transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aioodbc
import anyio

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption
from dbjobs.store.adopting import refused
from dbjobs.store.database import Row, Session
from dbjobs.store.pool import Pool
from dbjobs.store.sqlite_threads import Desk
from dbjobs.store.sqlserver_connection import Connection, Result, connect
from dbjobs.store.sqlserver_driver import find_driver
from dbjobs.store.sqlserver_errors import translated
from dbjobs.store.sqlserver_session import CallersConnection, SqlServerSession, batches_of, fetch
from dbjobs.store.sqlserver_url import connection_string, parse

CLOSE_SECONDS = 5.0
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
        self.pool_size = self._pool_size
        self._batches = batches_of(schema)
        self.statements = self._batches.statements
        self._dsn = ""
        self._desk: Desk | None = None
        self._pool: Pool[Connection] | None = None
        self._handlers_pool: Pool[Connection] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._dsn = connection_string(self._target, self._target.driver or find_driver())
        self._desk = Desk()
        self._pool = Pool(self._connect, self._pool_size)
        try:
            async with self._pool.connection():
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
            if self._ending:
                await asyncio.wait(set(self._ending), timeout=CLOSE_SECONDS)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        batch = self._batches[statement]
        async with self._opened.connection() as connection:
            return await fetch(connection, batch, {"schema": self.schema} | parameters, self._target.where)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._transaction(self._opened) as session:
            yield session

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[Session]:
        _ = self._opened
        if self._handlers_pool is None:
            self._handlers_pool = Pool(self._connect, self._pool_size)
        async with self._transaction(self._handlers_pool) as session:
            yield session

    @asynccontextmanager
    async def _transaction(self, pool: Pool[Connection]) -> AsyncIterator[Session]:
        async with pool.connection() as connection:
            session = SqlServerSession(connection, self.schema, self._target.where)
            await self._execute(connection, self.statements.text("begin"))
            try:
                yield session
            except BaseException as error:
                if session.is_changed or not isinstance(error, Exception):
                    connection.terminate()  # in doubt: the server rolls back what it held
                else:
                    with anyio.CancelScope(shield=True):
                        await self._roll_back(connection)
                raise
            with anyio.CancelScope(shield=True):
                await self._execute(connection, self.statements.text("commit"))

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
        line = CallersConnection(connection)
        if connection.autocommit:
            with translated(self._target.where):
                result = await line.execute(self.statements.text("count_transactions"))
            if not result.rows[0][0]:
                raise InvalidOption("connection= has no open transaction and commits by itself: begin one on it first")
        return SqlServerSession(line, self.schema, self._target.where)

    def another(self) -> SqlServerDatabase:
        return SqlServerDatabase(self.url, schema=self.schema, pool_size=1)

    def for_engine(self, lease_seconds: float) -> SqlServerDatabase:
        return SqlServerDatabase(self.url, schema=self.schema, pool_size=self._pool_size)

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        if self._pool is not None:
            self._pool.distrust(unanswered_seconds)
        if self._handlers_pool is not None:
            self._handlers_pool.distrust()  # a handler may keep a transaction open for long

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        """Return at once: SQL Server has nothing that would tell us."""

    # --- connections ----------------------------------------------------------------------------

    @property
    def _opened(self) -> Pool[Connection]:
        if self._pool is None:
            raise DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")
        return self._pool

    async def _connect(self) -> Connection:
        assert self._desk is not None
        target = self._target
        with translated(target.where):
            connection = await connect(
                self._dsn,
                self._desk,
                self._ending,
                connect_timeout=target.connect_timeout,
                command_timeout=target.command_timeout,
            )
        try:
            settings = await self._execute(connection, self.statements.text("open_connection"))
            keeps_cursors, level = settings.rows[0]
            check_level(level, target.where)
            connection.keeps_cursors = bool(keeps_cursors)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.close()
            raise
        return connection

    async def _execute(self, connection: Connection, text: str) -> Result:
        if connection.is_closed():
            raise DatabaseUnavailable(f"the connection to SQL Server at {self._target.where} was lost")
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
