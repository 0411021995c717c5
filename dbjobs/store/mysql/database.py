"""MySQL and MariaDB through aiomysql (or asyncmy): pool and transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import anyio

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidUrl
from dbjobs.store.database import FillingSession, HandlersSession, Row, Session, T
from dbjobs.store.mysql import adopting, blocking
from dbjobs.store.mysql.callers import CallersSession
from dbjobs.store.mysql.connection import DRIVERS, MysqlConnection
from dbjobs.store.mysql.errors import STATEMENT_TIMED_OUT, code_of, translated
from dbjobs.store.mysql.limits import Limits
from dbjobs.store.mysql.options import check, tls_of
from dbjobs.store.mysql.script import OpenRuns, Run, Scripts
from dbjobs.store.mysql.session import MysqlSession
from dbjobs.store.mysql.values import in_pieces
from dbjobs.store.pool import Pool
from dbjobs.store.retrying import without_conflict
from dbjobs.store.schemas import in_schema
from dbjobs.store.statements import Statements
from dbjobs.store.synchronous import Wait, lent
from dbjobs.store.unreachable import place
from dbjobs.store.url import number_option, split_url

# The oldest servers with SKIP LOCKED, JSON_TABLE, recursive WITH and defaults that are expressions.
_OLDEST = {True: (10, 6), False: (8, 0, 14)}


class MysqlDatabase:
    """A MySQL (8.0.14 and newer) or MariaDB (10.6 and newer) database.

    Args:
        url: ``mysql://user:password@host:3306/database``, or ``mariadb://...``; ``mysql+asyncmy://...`` for that
            driver. It may say ``pool_size`` (connections of one client, default 4), ``connect_timeout`` and
            ``command_timeout`` (seconds; 10 and 60), ``unix_socket=/path``, and for TLS ``ssl=true`` (the server's
            certificate is checked), ``ssl=unchecked``, ``ssl_ca=``, ``ssl_cert=`` and ``ssl_key=`` (files), or
            ``ssl-mode=`` in the words of the server's own clients.
        schema: prefix of the tables' names.
    """

    dialect = "mysql"
    one_writer = False

    def __init__(self, url: str, *, schema: str = "dbjobs", pool_size: int | None = None) -> None:
        parts, options = split_url(url)
        self.url = url
        self.schema = schema
        check(options)
        database = unquote(parts.path.removeprefix("/"))
        if not database:
            raise InvalidUrl("the database URL names no database: mysql://user:password@host:3306/database")
        self._pool_size = pool_size or number_option(options, "pool_size", 4)
        self.pool_size = self._pool_size
        connect_seconds = number_option(options, "connect_timeout", 10)
        self._limits = Limits(connect_seconds, number_option(options, "command_timeout", 60))
        # A handler's own statements wait for locks as long as the client's, and it may take its time between two.
        self._handlers_session = {**self._limits.session, "idle_seconds": 0}
        self._driver = import_module(parts.scheme.partition("+")[2] or DRIVERS[0])
        self._arguments: dict[str, Any] = {
            "host": parts.hostname or "localhost",
            "port": parts.port or 3306,
            "user": unquote(parts.username or "") or None,
            "password": unquote(parts.password or ""),
            "db": database,
            "charset": "utf8mb4",
            "connect_timeout": connect_seconds,
            "autocommit": None,  # set with everything else: by itself it would be a round trip
        }
        if socket := options.get("unix_socket"):
            self._arguments["unix_socket"] = socket
        self._tls = tls_of(options)
        self._where = f"{socket or place(parts.hostname or 'localhost', parts.port or 3306)}/{database}"
        self.scripts = _scripts(schema)
        self.statements = self.scripts.statements
        self._pool: Pool[MysqlConnection] | None = None
        self._handlers_pool: Pool[MysqlConnection] | None = None
        self._guard: tuple[str, str] | None = None

    async def open(self) -> None:
        self._pool = Pool(self._connect, self._pool_size, wait_seconds=self._limits.statement)
        async with self._pool.connection() as connection:
            self._check_version(connection)

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._handlers_pool) if pool is not None]
        self._pool = self._handlers_pool = None
        with anyio.CancelScope(shield=True):
            for pool in pools:
                await pool.close(5.0)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        steps = self.scripts.steps(statement)
        if not steps:
            return ()
        several = self.scripts.several(statement)
        pieces = in_pieces(parameters)
        if len(pieces) > 1 and several:  # each with its own commit: no lock lives from one round trip to the next
            works = [partial(self.fetch, statement, **piece) for piece in pieces]
            return [row for work in works for row in await without_conflict(work, is_part=True)]
        if len(pieces) > 1:

            async def together() -> Sequence[Row]:
                async with self.transaction() as session:
                    return await session.fetch(statement, **parameters)

            return await without_conflict(together)

        async def once() -> Sequence[Row]:
            async with self._opened.connection() as connection:
                try:
                    return await Run(connection, self.scripts, parameters).steps(steps, alone=several)
                except DatabaseError:
                    await _roll_back(connection)
                    raise

        return await without_conflict(once)

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
        if self._handlers_pool is None:
            self._handlers_pool = Pool(lambda: self._connect(self._handlers_session), self._pool_size)
        async with self._transaction(self._handlers_pool) as session:
            yield session

    @asynccontextmanager
    async def _transaction(self, pool: Pool[MysqlConnection]) -> AsyncIterator[MysqlSession]:
        for again in (True, False):
            async with pool.connection() as connection:
                if not await _begins(connection, again=again):
                    continue
                session = MysqlSession(self.scripts, connection, ours=True)
                try:
                    yield session
                    with anyio.CancelScope(shield=True):  # not for ever: it has a limit, as every round trip has
                        await connection.commit()
                except BaseException:
                    await _roll_back(connection)
                    raise
                finally:
                    await session.end()
                return

    async def adopt(self, connection: Any) -> Session:
        adopting.check_kind(connection)
        adopted = MysqlConnection(connection, self._where, self._limits, guard=self._guard)
        await adopting.check_settings(adopted, self.scripts)
        return CallersSession(
            MysqlSession(self.scripts, adopted, ours=False), lambda: self._opened.connection(), self.scripts
        )

    async def adopt_blocking(self, connection: Any, wait: Wait) -> Session:
        given = await blocking.adopted(connection, self._where, self.scripts)
        pool = self._opened

        @asynccontextmanager
        async def own() -> AsyncIterator[OpenRuns]:
            async with lent(pool.acquire, pool.release, wait) as connection:
                yield blocking.Lent(connection, wait)

        return CallersSession(MysqlSession(self.scripts, given, ours=False), own, self.scripts)

    def another(self) -> MysqlDatabase:
        database = MysqlDatabase(self.url, schema=self.schema, pool_size=1)
        database._limits = self._limits
        return database

    def for_engine(self, lease_seconds: float) -> MysqlDatabase:
        database = MysqlDatabase(self.url, schema=self.schema, pool_size=self._pool_size)
        database._limits = self._limits.following(lease_seconds)
        database._handlers_session = self._handlers_session
        return database

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        if self._pool is not None:
            self._pool.distrust(unanswered_seconds)
        if self._handlers_pool is not None:
            self._handlers_pool.distrust()  # a handler may keep a transaction open for long

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        """There are no notices: other nodes poll."""

    # --- connections ----------------------------------------------------------------------------

    @property
    def _opened(self) -> Pool[MysqlConnection]:
        if self._pool is None:
            raise DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")
        return self._pool

    async def _connect(self, session: dict[str, int] | None = None) -> MysqlConnection:
        limits = self._limits
        with translated(self._where):
            try:
                async with asyncio.timeout(limits.connect):
                    raw = await self._driver.connect(**self._arguments, **self._tls.arguments())
            except TimeoutError as error:
                raise TimeoutError(f"no answer within {limits.connect:g} s") from error
        connection = MysqlConnection(raw, self._where, limits, self._kill)
        settings = session or limits.session
        try:
            if connection.is_mariadb:
                await self._lift_limit(connection)
            found = await Run(connection, self.scripts, settings).steps(
                self.scripts.steps("open_connection"), alone=False
            )
            self._guard = connection.guard = self.scripts.guard if [row[1] for row in found] == ["ON"] else None
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _lift_limit(self, connection: MysqlConnection) -> None:
        """Free it from a limit for statements, which may be so short that it ends this one, too."""
        for tries_left in reversed(range(10)):
            try:
                await Run(connection, self.scripts, {}).steps(self.scripts.steps("lift_limit"), alone=False)
            except DatabaseError as error:
                if not tries_left or code_of(error.__cause__) != STATEMENT_TIMED_OUT:
                    raise
            else:
                return

    async def _kill(self, thread_id: int) -> None:
        connection = await self._connect()
        try:
            kill = self.scripts.steps("kill_connection")
            await Run(connection, self.scripts, {"thread_id": thread_id}).steps(kill, alone=False)
        finally:
            connection.terminate()

    def _check_version(self, connection: MysqlConnection) -> None:
        text = connection.raw.get_server_info()
        # MariaDB may put "5.5.5-" in front, for old replicas.
        digits = text.removeprefix("5.5.5-").split("-")[0].split(".")
        version = tuple(int(part) for part in digits if part.isdigit())
        oldest = _OLDEST[connection.is_mariadb]
        if version < oldest:
            name = "MariaDB" if connection.is_mariadb else "MySQL"
            needed = ".".join(map(str, oldest))
            raise DatabaseError(f"{name} at {self._where} is version {text}; dbjobs needs {needed} or newer")


async def _begins(connection: MysqlConnection, *, again: bool) -> bool:
    """Start a transaction; False if the idle connection was lost, and ``again``: nothing was done on it yet."""
    try:
        await connection.begin()
    except DatabaseUnavailable as error:
        if not again or isinstance(error.__cause__, TimeoutError):
            raise
        connection.terminate()
        return False
    return True


async def _roll_back(connection: MysqlConnection) -> None:
    """Leave no transaction open. In doubt close the connection: a new one is cheaper than a broken one."""
    with anyio.CancelScope(shield=True):
        try:
            if not connection.is_closed():
                await connection.rollback()
        except DatabaseError:
            connection.terminate()


@lru_cache(maxsize=16)
def _scripts(schema: str) -> Scripts:
    """The dialect's statements with this prefix, read once."""
    return Scripts(
        Statements(
            "mysql",
            in_schema("mysql", schema),
            lambda number, parameter: f":{parameter.name}",
        )
    )
