"""PostgreSQL through asyncpg: pool, transactions, errors, notices."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import anyio

from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store.database import FillingSession, Row, Session, T
from dbjobs.store.pool import Pool
from dbjobs.store.postgres.binding import Binding
from dbjobs.store.postgres.callers import adopted, adopted_blocking
from dbjobs.store.postgres.connection import Limits, PostgresConnection
from dbjobs.store.postgres.connector import Connector
from dbjobs.store.postgres.options import read
from dbjobs.store.postgres.session import HandlersSession, PostgresSession
from dbjobs.store.schemas import in_schema
from dbjobs.store.statements import Statements
from dbjobs.store.synchronous import Wait
from dbjobs.store.url import number_option, refuse_value, split_url

# How long a connection that listens may hear nothing before it asks whether the server is still there.
PING_SECONDS = 30.0
CLOSE_SECONDS = 5.0
# The longest wait for a lock, and the longest pause in a transaction: our own (the callers' share of a client) and
# those of a handler, which may do other things in between.
LOCK_SECONDS = 2.0
IDLE_SECONDS = 60.0
HANDLERS_IDLE_SECONDS = 300.0
# A node's round trips may take this share of its lease, but at least ENGINE_LEAST_SECONDS.
ENGINE_SHARE = 1 / 3
ENGINE_LEAST_SECONDS = 3.0
S = TypeVar("S", bound=Session)


class PostgresDatabase:
    """A PostgreSQL database (14 and newer).

    Args:
        url: ``postgresql://...``; beside libpq's options (see ``options.py``) it may say ``pool_size`` (connections
            of one client, default 4), ``connect_timeout`` and ``command_timeout`` (seconds; 10 and 60) and
            ``pooler=transaction`` (behind PgBouncer: no prepared statements, no session settings, no LISTEN).
            Several hosts (``//a:5432,b/db`` or ``?host=a,b&port=5432``) are asked one after the other for one that
            can be written to (``target_session_attrs=read-write`` unless the URL says otherwise).
        schema: where the tables are.
    """

    dialect = "postgres"
    one_writer = False

    def __init__(self, url: str, *, schema: str = "dbjobs", pool_size: int | None = None) -> None:
        parts, options = split_url(url)
        self.url = url
        self.schema = schema
        self._pooler = options.get("pooler") == "transaction"
        if "pooler" in options and not self._pooler:
            refuse_value("pooler", options["pooler"], "is not known; the only value is 'transaction'")
        self._pool_size = pool_size or number_option(options, "pool_size", 4)
        self.pool_size = self._pool_size
        command = float(number_option(options, "command_timeout", 60))
        self._limits = Limits(float(number_option(options, "connect_timeout", 10)), command, LOCK_SECONDS, IDLE_SECONDS)
        self._handlers_limits = Limits(self._limits.connect, command, 0.0, HANDLERS_IDLE_SECONDS)
        self._connector = Connector(parts, read(options), pooler=self._pooler)
        self.statements = _statements(schema)
        self.binding = Binding(self.statements, schema, self._connector.where)
        self._pool: Pool[PostgresConnection] | None = None
        self._handlers_pool: Pool[PostgresConnection] | None = None
        self._doubts = asyncio.Event()

    async def open(self) -> None:
        self._pool = self._new_pool(self._limits)
        self._doubts = asyncio.Event()  # of this event loop
        self._pool.release(await self._pool.acquire())

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._handlers_pool) if pool is not None]
        self._pool = self._handlers_pool = None
        with anyio.CancelScope(shield=True):
            for pool in pools:
                await pool.close(CLOSE_SECONDS)
            await self._connector.quiet(CLOSE_SECONDS)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self.statements[statement]
        values = self.binding.bind(prepared.parameters, parameters)
        pool = self._opened
        left = pool.size
        while True:
            connection = await pool.acquire(statement)
            try:
                return prepared.rows(await connection.fetch(prepared.text, values, in_doubt=True))
            except DatabaseUnavailable:
                self._note(connection)
                left -= 1
                if not connection.unsent or left < 0:
                    raise
                # The connection was broken before any work was done; the next one may be as old.
            finally:
                pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._transaction(
            self._opened, lambda connection: PostgresSession(self.binding, connection)
        ) as session:
            yield session

    async def conduct(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        async with self.transaction() as session:
            return await work(session)

    async def fill(self, work: Callable[[FillingSession], Coroutine[Any, Any, T]]) -> T:
        async with self._transaction(self._opened, lambda connection: PostgresSession(self.binding, connection)) as own:
            return await work(own)

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[HandlersSession]:
        if self._handlers_pool is None:
            self._handlers_pool = self._new_pool(self._handlers_limits)
        idle = self._limits.idle
        async with self._transaction(
            self._handlers_pool, lambda connection: HandlersSession(self.binding, connection, idle)
        ) as session:
            yield session

    @asynccontextmanager
    async def _transaction(
        self, pool: Pool[PostgresConnection], session_on: Callable[[PostgresConnection], S]
    ) -> AsyncIterator[S]:
        connection, transaction = await self._begin(pool)
        try:
            try:
                yield session_on(connection)
            except BaseException as error:
                await connection.roll_back(transaction)
                if not isinstance(error, Exception):
                    connection.terminate()  # in doubt close it: a new one is cheaper than a broken one
                raise
            await connection.commit(transaction)
        except DatabaseUnavailable:
            self._note(connection)
            raise
        finally:
            pool.release(connection)

    async def _begin(self, pool: Pool[PostgresConnection]) -> tuple[PostgresConnection, Any]:
        """A connection with an open transaction; skips idle connections that turn out to be broken."""
        left = pool.size
        while True:
            connection = await pool.acquire()
            try:
                return connection, await connection.begin()
            except BaseException as error:
                self._note(connection)
                pool.release(connection)
                left -= 1
                if not isinstance(error, DatabaseUnavailable) or connection.timed_out or left < 0:
                    raise

    async def adopt(self, connection: Any) -> Session:
        return adopted(self.binding, connection)

    async def adopt_blocking(self, connection: Any, wait: Wait) -> Session:
        return adopted_blocking(self.binding, connection)

    def another(self) -> PostgresDatabase:
        return self._like_this(pool_size=1)

    def for_engine(self, lease_seconds: float) -> PostgresDatabase:
        share = max(lease_seconds * ENGINE_SHARE, ENGINE_LEAST_SECONDS)
        database = self._like_this(pool_size=self._pool_size)
        connect = min(self._limits.connect, share / max(len(self._connector.hosts.addresses), 1))
        command = min(self._limits.command, share)
        # A lock timeout must be reported as one, not as a server that does not answer.
        database._limits = Limits(connect, command, min(LOCK_SECONDS, command * 0.8), share)
        return database

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        if self._pool is not None:
            self._pool.distrust(unanswered_seconds)
        if self._handlers_pool is not None:
            self._handlers_pool.distrust()  # a handler may keep a transaction open for long
        self._doubts.set()

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        if self._pooler:
            return
        delay = 0.1
        while True:
            connection = None
            try:
                connection = await self._connector.connect(self._limits)
                await self._hear(connection, on_notice, on_ready)
            except DatabaseError:
                pass  # the engine's other loops report an unreachable database; this one just tries again
            finally:
                on_ready(False)
                if connection is not None:
                    delay = 0.1
                    connection.terminate()
            await anyio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, 5.0)

    async def _hear(
        self, connection: PostgresConnection, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]
    ) -> None:
        """Listen until the connection is lost."""
        connection.raw.add_termination_listener(lambda _: self._doubts.set())
        with self.binding.errors():
            await connection.raw.add_listener(self.binding.channel, lambda *notice: on_notice(str(notice[3])))
        on_ready(True)
        while not connection.is_closed():
            self._doubts.clear()
            with anyio.move_on_after(PING_SECONDS):
                await self._doubts.wait()
            if not connection.is_closed():
                # A dead peer behind a silent network never closes the socket: ask now and then.
                await connection.fetch(self.statements.text("ping"), (), in_doubt=False)

    def _like_this(self, *, pool_size: int) -> PostgresDatabase:
        database = PostgresDatabase(self.url, schema=self.schema, pool_size=pool_size)
        database._limits = self._limits
        database._connector = self._connector  # they share what each learns about the servers
        return database

    # --- connections ----------------------------------------------------------------------------

    @property
    def _opened(self) -> Pool[PostgresConnection]:
        if self._pool is None:
            raise DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")
        return self._pool

    def _new_pool(self, limits: Limits) -> Pool[PostgresConnection]:
        return Pool(
            lambda: self._connector.connect(limits),
            self._pool_size,
            wait_seconds=limits.command,
            has_news=PostgresConnection.has_news,
        )

    def _note(self, connection: PostgresConnection) -> None:
        """Draw conclusions from a failed connection about the others and about its server."""
        if connection.read_only:
            self._connector.hosts.failed(connection.host)
        if connection.read_only or connection.timed_out:
            self.distrust()


@lru_cache(maxsize=16)
def _statements(schema: str) -> Statements:
    return Statements("postgres", in_schema("postgres", schema), lambda number, _: f"${number}")
