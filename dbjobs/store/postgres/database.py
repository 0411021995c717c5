"""PostgreSQL through asyncpg: pool, transactions, errors, notices."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import anyio

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidUrl
from dbjobs.store.database import Row, Session, number_option, split_url
from dbjobs.store.pool import Pool
from dbjobs.store.postgres import copy
from dbjobs.store.postgres.callers import adopted, adopted_blocking
from dbjobs.store.postgres.connection import Limits, PostgresConnection, milliseconds
from dbjobs.store.postgres.connector import Connector
from dbjobs.store.postgres.errors import translated
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Statements, Table
from dbjobs.store.synchronous import Wait

# How long a connection that listens may hear nothing before it asks whether the server is still there.
PING_SECONDS = 30.0
CLOSE_SECONDS = 5.0
# The longest wait for a lock, and the longest pause in a transaction: our own (the callers' share of a client) and
# those of a handler, which may do other things in between.
LOCK_SECONDS = 2.0
IDLE_SECONDS = 60.0
HANDLERS_IDLE_SECONDS = 300.0
# A node's round trips may take this share of its lease, and at least so long.
ENGINE_SHARE = 1 / 3
ENGINE_LEAST_SECONDS = 3.0
S = TypeVar("S", bound="PostgresSession")
_OWN_OPTIONS = {"pool_size", "pooler", "connect_timeout", "command_timeout"}


class PostgresDatabase:
    """A PostgreSQL database (14 and newer).

    Args:
        url: ``postgresql://...``; beside libpq's options it may say ``pool_size`` (connections of one
            client, default 4), ``connect_timeout`` and ``command_timeout`` (seconds; 10 and 60) and
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
        self._channel = f"dbjobs.{schema}"
        self._pooler = options.get("pooler") == "transaction"
        if "pooler" in options and not self._pooler:
            raise InvalidUrl(f"pooler={options['pooler']!r} is not known; the only value is 'transaction'")
        self._pool_size = pool_size or number_option(options, "pool_size", 4)
        self.pool_size = self._pool_size
        command = float(number_option(options, "command_timeout", 60))
        self._limits = Limits(float(number_option(options, "connect_timeout", 10)), command, LOCK_SECONDS, IDLE_SECONDS)
        self._handlers_limits = Limits(self._limits.connect, command, 0.0, HANDLERS_IDLE_SECONDS)
        others = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
        self._connector = Connector(parts, others, pooler=self._pooler)
        self.statements = _statements(schema)
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
        values = self._bind(prepared.parameters, parameters)
        pool = self._opened
        left = pool.size
        while True:
            connection = await pool.acquire()
            try:
                return prepared.rows(await connection.fetch(prepared.text, values, in_doubt=True))
            except DatabaseUnavailable:
                self._note(connection)
                left -= 1
                if not connection.unsent or left < 0:
                    raise
                # It was found broken before anything was done; the next one may be as old.
            finally:
                pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._transaction(self._opened, PostgresSession) as session:
            yield session

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[HandlersSession]:
        if self._handlers_pool is None:
            self._handlers_pool = self._new_pool(self._handlers_limits)
        async with self._transaction(self._handlers_pool, HandlersSession) as session:
            yield session

    @asynccontextmanager
    async def _transaction(self, pool: Pool[PostgresConnection], kind: type[S]) -> AsyncIterator[S]:
        connection, transaction = await self._begin(pool)
        try:
            try:
                yield kind(self, connection)
            except BaseException as error:
                await connection.roll_back(transaction)
                if not isinstance(error, Exception):
                    connection.terminate()  # in doubt, a new one is cheaper than a broken one
                raise
            await connection.commit(transaction)
        except DatabaseUnavailable:
            self._note(connection)
            raise
        finally:
            pool.release(connection)

    async def _begin(self, pool: Pool[PostgresConnection]) -> tuple[PostgresConnection, Any]:
        """A connection with a transaction; idle ones that are found broken are passed by."""
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
        return adopted(self, connection)

    async def adopt_blocking(self, connection: Any, wait: Wait) -> Session:
        return adopted_blocking(self, connection)

    def another(self) -> PostgresDatabase:
        return self._like_this(pool_size=1)

    def for_engine(self, lease_seconds: float) -> PostgresDatabase:
        share = max(lease_seconds * ENGINE_SHARE, ENGINE_LEAST_SECONDS)
        database = self._like_this(pool_size=self._pool_size)
        connect = min(self._limits.connect, share / max(len(self._connector.hosts.addresses), 1))
        command = min(self._limits.command, share)
        # A lock that is not had in time must be told as that, not as a server that does not answer.
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
                pass  # the engine's other loops report an unreachable database; this one only comes back
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
        with self._errors():
            await connection.raw.add_listener(self._channel, lambda *notice: on_notice(str(notice[3])))
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
        database._connector = self._connector  # what one of them finds out about the servers, all know
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
        """A connection has failed: what it says about the others, and about its server."""
        if connection.read_only:
            self._connector.hosts.failed(connection.host)
        if connection.read_only or connection.timed_out:
            self.distrust()

    # --- for sessions ---------------------------------------------------------------------------

    def _bind(self, wanted: tuple[Any, ...], given: dict[str, Any]) -> list[Any]:
        values: list[Any] = []
        tables: dict[str, dict[str, Sequence[Any]]] = {}
        for name, column in wanted:
            if column is not None:
                if name not in tables:
                    tables[name] = given[name].by_column()
                array = tables[name][column]
                # unnest() fills shorter arrays up with NULLs, so a column without values need not be sent.
                values.append(array if array.count(None) < len(array) else ())
            elif isinstance(given.get(name), Table):
                values.append(given[name].as_json())
            elif name == "channel":
                values.append(self._channel)
            elif name == "schema":
                values.append(self.schema)
            else:
                values.append(given[name])
        return values

    def _errors(self) -> AbstractContextManager[None]:
        return translated(self._connector.where)


class PostgresSession:
    """Statements on one of our own connections, inside a transaction."""

    def __init__(self, database: PostgresDatabase, connection: PostgresConnection) -> None:
        self._database = database
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection.raw

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._database.statements[statement]
        values = self._database._bind(prepared.parameters, parameters)
        return prepared.rows(await self._connection.fetch(prepared.text, values, in_doubt=False))

    async def script(self, statement: str, /, **words: str) -> None:
        text = statement if "\n" in statement else self._database.statements.text(statement)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        await self._connection.script(text)

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        records = copy.records(ids, jobs)
        await self._connection.copy("background_job", self._database.schema, copy.COLUMNS, records)
        return ids


class HandlersSession(PostgresSession):
    """The same for a handler's transaction: from our first statement on it may not idle for long."""

    _is_limited = False

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        if not self._is_limited:
            self._is_limited = True
            await super().fetch("limit_idle", milliseconds=milliseconds(self._database._limits.idle))
        return await super().fetch(statement, **parameters)

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        """See dbjobs.store.database.HandlersSession."""
        tag = await self._connection.raw.execute(statement, *parameters)
        count = tag.rpartition(" ")[2]  # "INSERT 0 1", "CREATE TABLE"
        return int(count) if count.isdecimal() else 0

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """See dbjobs.store.database.HandlersSession."""
        rows: Sequence[Row] = await self._connection.raw.fetch(statement, *parameters)
        return rows


@lru_cache(maxsize=16)
def _statements(schema: str) -> Statements:
    return Statements("postgres", lambda text: text.replace("dbjobs.", f'"{schema}".'), lambda number, _: f"${number}")
