"""PostgreSQL through asyncpg: pool, transactions, errors, notices."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import anyio
import asyncpg

from dbjobs.errors import DatabaseError, InvalidUrl
from dbjobs.store import postgres_copy
from dbjobs.store.database import Row, Session, number_option, split_url
from dbjobs.store.pool import Pool
from dbjobs.store.postgres_callers import adopted
from dbjobs.store.postgres_errors import translated
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Statements, Table

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]  # generic in its stubs only
else:
    Connection = asyncpg.Connection

# Plans must not depend on statistics: a table that was empty when a statement was first planned may hold
# a million rows a minute later, and the cached plan stays. So on our own connections the planner is left
# one way only: into a table through an index (the statements say `id = ANY (array)`, or LATERAL with a
# LIMIT), and from set to set by hashing. jit is off because forbidden plans are priced so high that they
# would be compiled.
_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": "300s",
    "application_name": "dbjobs",
}
# How long a connection that listens may hear nothing before it asks whether the server is still there.
PING_SECONDS = 30.0
CLOSE_SECONDS = 5.0
_OWN_OPTIONS = {"pool_size", "pooler", "connect_timeout", "command_timeout"}


class PostgresDatabase:
    """A PostgreSQL database (14 and newer).

    Args:
        url: ``postgresql://...``; beside libpq's options it may say ``pool_size`` (connections of one
            client, default 4), ``connect_timeout`` and ``command_timeout`` (seconds; 10 and 60) and
            ``pooler=transaction`` (behind PgBouncer: no prepared statements, no session settings, no LISTEN).
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
        self._connect_timeout = number_option(options, "connect_timeout", 10)
        self._command_timeout = number_option(options, "command_timeout", 60)
        others = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
        self._dsn = parts._replace(query=urlencode(others)).geturl()
        self._where = f"{parts.hostname or others.get('host', 'localhost')}:{parts.port or 5432}{parts.path}"
        self.statements = _statements(schema)
        self._pool: Pool[Connection] | None = None
        self._handlers_pool: Pool[Connection] | None = None
        self._given_up: set[asyncio.Task[Connection]] = set()

    def limit(self, lease_seconds: float) -> None:
        self._command_timeout = min(self._command_timeout, max(1, int(lease_seconds / 2)))

    async def open(self) -> None:
        self._pool = Pool(self._connect, self._pool_size)
        with self._errors():
            self._pool.release(await self._pool.acquire())

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._handlers_pool) if pool is not None]
        self._pool = self._handlers_pool = None
        with anyio.CancelScope(shield=True):
            for pool in pools:
                await pool.close(CLOSE_SECONDS)
            if self._given_up:
                await asyncio.wait(set(self._given_up), timeout=CLOSE_SECONDS)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self.statements[statement]
        values = self._bind(prepared.parameters, parameters)
        with self._errors():
            async with self._opened.connection() as connection:
                return await connection.fetch(prepared.text, *values)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._transaction(self._opened) as session:
            yield session

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[Session]:
        if self._handlers_pool is None:
            self._handlers_pool = Pool(self._connect, self._pool_size)
        async with self._transaction(self._handlers_pool) as session:
            yield session

    @asynccontextmanager
    async def _transaction(self, pool: Pool[Connection]) -> AsyncIterator[Session]:
        with self._errors():
            connection = await pool.acquire()
        try:
            # READ COMMITTED whatever the server's default is: every protocol here is written for it.
            transaction = connection.transaction(isolation="read_committed")
            with self._errors():
                await transaction.start()
            try:
                yield PostgresSession(self, connection)
            except BaseException:
                # A cancelled scope would cancel the ROLLBACK too.
                with anyio.CancelScope(shield=True), self._errors():
                    if not connection.is_closed():
                        await transaction.rollback()
                raise
            with anyio.CancelScope(shield=True), self._errors():
                await transaction.commit()
        except BaseException as error:
            if not isinstance(error, Exception) or connection.is_in_transaction():
                connection.terminate()  # in doubt, a new one is cheaper than a broken one
            raise
        finally:
            pool.release(connection)

    async def adopt(self, connection: Any) -> Session:
        return adopted(self, connection)

    def another(self) -> PostgresDatabase:
        return PostgresDatabase(self.url, schema=self.schema, pool_size=1)

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        if self._pooler:
            return
        delay = 0.1
        while True:
            lost = asyncio.Event()
            connection = None
            try:
                with self._errors():
                    connection = await self._connect()
                    connection.add_termination_listener(lambda _, lost=lost: lost.set())
                    await connection.add_listener(self._channel, lambda *notice: on_notice(str(notice[3])))
                on_ready(True)
                delay = 0.1
                while not lost.is_set():
                    with anyio.move_on_after(PING_SECONDS):
                        await lost.wait()
                    if not lost.is_set():
                        # A dead peer behind a silent network never closes the socket: ask now and then.
                        with self._errors():
                            await connection.execute(self.statements.text("ping"), timeout=10)
            except DatabaseError:
                pass  # the engine's other loops report an unreachable database; this one only comes back
            finally:
                on_ready(False)
                if connection is not None:
                    connection.terminate()
            await anyio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, 5.0)

    # --- for PostgresSession --------------------------------------------------------------------

    @property
    def _opened(self) -> Pool[Connection]:
        if self._pool is None:
            raise DatabaseError("the database is not open: use it inside 'async with jobs:' or 'jobs.start()'")
        return self._pool

    async def _connect(self) -> Connection:
        if self._pooler:
            options: dict[str, Any] = {"statement_cache_size": 0, "server_settings": {"application_name": "dbjobs"}}
        else:
            options = {"statement_cache_size": 200, "max_cached_statement_lifetime": 0, "server_settings": _SETTINGS}
        # In a task of its own, which goes on when the caller is cancelled: asyncpg, cancelled at a certain moment,
        # leaves an exception behind that nobody can catch.
        connecting: asyncio.Task[Connection] = asyncio.create_task(
            asyncpg.connect(self._dsn, timeout=self._connect_timeout, command_timeout=self._command_timeout, **options)
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            self._given_up.add(connecting)
            connecting.add_done_callback(self._drop)
            raise

    def _drop(self, connecting: asyncio.Task[Connection]) -> None:
        """A connection that nobody waits for any more."""
        self._given_up.discard(connecting)
        if not connecting.cancelled() and connecting.exception() is None:
            connecting.result().terminate()

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
        return translated(self._where)


class PostgresSession:
    """Statements on one of our own connections, inside a transaction."""

    def __init__(self, database: PostgresDatabase, connection: Any) -> None:
        self._database = database
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._database.statements[statement]
        with self._database._errors():
            values = self._database._bind(prepared.parameters, parameters)
            rows: Sequence[Row] = await self._connection.fetch(prepared.text, *values)
            return rows

    async def script(self, statement: str, /, **words: str) -> None:
        text = statement if "\n" in statement else self._database.statements.text(statement)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        with self._database._errors():
            await self._connection.execute(text)

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        with self._database._errors():
            await self._connection.copy_records_to_table(
                "background_job",
                schema_name=self._database.schema,
                columns=postgres_copy.COLUMNS,
                records=postgres_copy.records(ids, jobs),
            )
        return ids


@lru_cache(maxsize=16)
def _statements(schema: str) -> Statements:
    return Statements("postgres", lambda text: text.replace("dbjobs.", f'"{schema}".'), lambda number, _: f"${number}")
