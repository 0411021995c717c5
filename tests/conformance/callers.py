"""Every way an application may hold its own transaction, behind the same few words.

``CALLERS`` has the kinds of each dialect by name. A test that takes the fixture ``caller`` runs once for each on the
first server of each product; if it is marked ``of_the_driver``, without those of which ``is_variant`` is true.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import aiosqlite
import asyncpg
import psycopg
from psycopg.rows import dict_row
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from dbjobs import JobRef, Jobs
from dbjobs.store.adopting import adopt
from dbjobs.store.database import Session
from tests.conformance.raw import CallersConnection, Raw

OpenCaller = Callable[[Raw], AbstractAsyncContextManager["Caller"]]


class Caller:
    """An application with a connection of its own, and a transaction on it now and then.

    Attributes:
        given: what it hands over as ``connection=``.
    """

    given: Any

    async def begin(self) -> None:
        """Start a transaction, in the manner of this kind (which may be: the next statement does)."""

    async def execute(self, statement: str) -> None:
        """Run one statement."""
        raise NotImplementedError

    async def commit(self) -> None:
        raise NotImplementedError

    async def rollback(self) -> None:
        raise NotImplementedError

    async def settings(self) -> object:
        """What the owner has set on the connection, and must find again."""
        return None

    async def enqueue(self, jobs: Jobs, *arguments: Any, **options: Any) -> JobRef:
        """Enqueue in this transaction."""
        return await jobs.enqueue(*arguments, connection=self.given, **options)

    async def enqueue_many(self, jobs: Jobs, *arguments: Any, **options: Any) -> list[JobRef]:
        return await jobs.enqueue_many(*arguments, connection=self.given, **options)

    async def session(self, jobs: Jobs) -> Session:
        """The transaction as our own code has it."""
        return await adopt(jobs._client.db, self.given)


# --- our own drivers' connections ------------------------------------------------------------------


class Bare(Caller):
    """The dialect's own driver, with BEGIN, COMMIT and ROLLBACK as statements."""

    def __init__(self, own: CallersConnection) -> None:
        self._own = own
        self.given = own.driver

    async def begin(self) -> None:
        await self._own.begin()

    async def execute(self, statement: str) -> None:
        await self._own.execute(statement)

    async def commit(self) -> None:
        await self._own.commit()

    async def rollback(self) -> None:
        await self._own.rollback()


@asynccontextmanager
async def _bare(raw: Raw) -> AsyncIterator[Caller]:
    async with raw.connection() as own:
        yield Bare(own)


# --- PostgreSQL ------------------------------------------------------------------------------------


class Asyncpg(Caller):
    """A connection of asyncpg's pool, with its own idea of json and of rows."""

    def __init__(self, connection: Any) -> None:
        self.given = connection
        self._transaction: Any = None

    async def begin(self) -> None:
        self._transaction = self.given.transaction()
        await self._transaction.start()

    async def execute(self, statement: str) -> None:
        await self.given.execute(statement)

    async def commit(self) -> None:
        await self._transaction.commit()

    async def rollback(self) -> None:
        await self._transaction.rollback()

    async def settings(self) -> object:
        row = await self.given.fetchrow("""SELECT '{"a": 1}'::json AS json, '[1]'::jsonb AS jsonb""")
        assert isinstance(row, MyRecord)
        return row.json, row.jsonb


class MyRecord(asyncpg.Record):
    """What asyncpg's manual shows as a record with attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            raise TypeError("this application reads its rows by name")
        return super().__getitem__(key)


@asynccontextmanager
async def _asyncpg_pool(raw: Raw) -> AsyncIterator[Caller]:
    async def init(connection: Any) -> None:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")

    async with raw.connection():
        pass
    async with (
        asyncpg.create_pool(raw.url, min_size=1, max_size=1, init=init, record_class=MyRecord) as pool,
        pool.acquire() as connection,
    ):
        yield Asyncpg(connection)


class Psycopg(Caller):
    """psycopg with rows as dictionaries; a transaction begins with the first statement."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.given = connection

    async def execute(self, statement: str) -> None:
        await self.given.execute(statement.encode())

    async def commit(self) -> None:
        await self.given.commit()

    async def rollback(self) -> None:
        await self.given.rollback()

    async def settings(self) -> object:
        rows = await (await self.given.execute("SELECT %s::int8 AS number, %s AS text", (7, "x"))).fetchall()
        return rows, self.given.autocommit, self.given.row_factory, self.given.cursor_factory


class PsycopgBlock(Psycopg):
    """psycopg in autocommit mode, with ``async with connection.transaction()``."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        super().__init__(connection)
        self._block: Any = None

    async def begin(self) -> None:
        self._block = self.given.transaction()
        await self._block.__aenter__()

    async def commit(self) -> None:
        await self._block.__aexit__(None, None, None)

    async def rollback(self) -> None:
        leave = psycopg.Rollback()
        assert await self._block.__aexit__(type(leave), leave, None)


class Hexadecimal(psycopg.adapt.Loader):
    """How this application would like its numbers."""

    def load(self, data: Any) -> Any:
        return hex(int(bytes(data)))


@asynccontextmanager
async def _psycopg(raw: Raw, made: type[Psycopg], *, autocommit: bool) -> AsyncIterator[Caller]:
    async with raw.connection():
        pass
    connection = await psycopg.AsyncConnection.connect(
        raw.url, autocommit=autocommit, row_factory=dict_row, cursor_factory=psycopg.AsyncClientCursor
    )
    connection.adapters.register_loader("int8", Hexadecimal)
    try:
        yield made(connection)
    finally:
        await connection.close()


# --- SQLite ----------------------------------------------------------------------------------------


class Sqlite3(Caller):
    """sqlite3 as it is by default: the first write begins a transaction; rows and text as the owner likes them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.given = connection

    async def execute(self, statement: str) -> None:
        self.given.execute(statement)

    async def commit(self) -> None:
        self.given.commit()

    async def rollback(self) -> None:
        self.given.rollback()

    async def settings(self) -> object:
        connection = self.given
        timeout = tuple(connection.execute("PRAGMA busy_timeout").fetchone())
        return connection.row_factory, connection.text_factory, connection.isolation_level, timeout


@asynccontextmanager
async def _sqlite3(raw: Raw) -> AsyncIterator[Caller]:
    async with raw.connection():
        pass
    connection = sqlite3.connect(raw.path, timeout=7)
    connection.row_factory, connection.text_factory = sqlite3.Row, bytes
    try:
        yield Sqlite3(connection)
    finally:
        connection.close()


class Aiosqlite(Caller):
    """aiosqlite: the same in a thread of its own."""

    def __init__(self, connection: aiosqlite.Connection, begin: str | None) -> None:
        self.given = connection
        self._begin = begin

    async def begin(self) -> None:
        if self._begin is not None:
            await self.execute(self._begin)

    async def execute(self, statement: str) -> None:
        async with self.given.execute(statement):
            pass

    async def commit(self) -> None:
        await self.given.commit()

    async def rollback(self) -> None:
        await self.given.rollback()

    async def settings(self) -> object:
        connection = self.given
        timeout = [tuple(row) for row in await connection.execute_fetchall("PRAGMA busy_timeout")]
        return connection.row_factory, connection.text_factory, connection.isolation_level, timeout


@asynccontextmanager
async def _aiosqlite(raw: Raw, *, begin: str | None) -> AsyncIterator[Caller]:
    async with raw.connection():
        pass
    level = "DEFERRED" if begin is None else None
    async with aiosqlite.connect(raw.path, timeout=7, isolation_level=level) as connection:
        connection.row_factory, connection.text_factory = sqlite3.Row, bytes
        yield Aiosqlite(connection, begin)


# --- SQLAlchemy, on any driver ---------------------------------------------------------------------


class Alchemy(Caller):
    """An AsyncSession or an AsyncConnection; a transaction begins with the first statement, or explicitly."""

    def __init__(self, given: AsyncSession | AsyncConnection, *, begins: bool) -> None:
        self.given = given
        self._begins = begins

    async def begin(self) -> None:
        if self._begins:
            await self.given.begin()

    async def execute(self, statement: str) -> None:
        await self.given.execute(text(statement))

    async def commit(self) -> None:
        await self.given.commit()

    async def rollback(self) -> None:
        await self.given.rollback()


def engine_for(raw: Raw, driver: str, **settings: Any) -> AsyncEngine:
    """A SQLAlchemy engine on the test's database."""
    url = make_url(raw.url).set(drivername=driver)
    if driver == "mssql+aioodbc":
        from tests.servers.sqlserver import odbc_string

        # As one string: in the words that SQLAlchemy itself would use, FreeTDS does not find the port.
        url = URL.create(driver, query={"odbc_connect": odbc_string(raw.url)})
    return create_async_engine(url, **settings)


@asynccontextmanager
async def _session(raw: Raw, driver: str, *, begins: bool) -> AsyncIterator[Caller]:
    async with raw.connection():
        pass
    engine = engine_for(raw, driver)
    try:
        async with AsyncSession(engine) as session:
            yield Alchemy(session, begins=begins)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connection(raw: Raw, driver: str, *, begins: bool) -> AsyncIterator[Caller]:
    async with raw.connection():
        pass
    engine = engine_for(raw, driver)
    try:
        async with engine.connect() as connection:
            yield Alchemy(connection, begins=begins)
    finally:
        await engine.dispose()


def _alchemy(driver: str) -> dict[str, OpenCaller]:
    name = driver.partition("+")[2]
    return {
        f"session-{name}": partial(_session, driver=driver, begins=False),
        f"session-{name}-begun": partial(_session, driver=driver, begins=True),
        f"connection-{name}": partial(_connection, driver=driver, begins=False),
        f"connection-{name}-begun": partial(_connection, driver=driver, begins=True),
    }


CALLERS: Mapping[str, Mapping[str, OpenCaller]] = {
    "postgres": {
        "asyncpg": _bare,
        "asyncpg-pool": _asyncpg_pool,
        "psycopg": partial(_psycopg, made=Psycopg, autocommit=False),
        "psycopg-block": partial(_psycopg, made=PsycopgBlock, autocommit=True),
        **_alchemy("postgresql+asyncpg"),
        **_alchemy("postgresql+psycopg"),
    },
    "sqlite": {
        "sqlite3-statements": _bare,
        "sqlite3": _sqlite3,
        "aiosqlite": partial(_aiosqlite, begin=None),
        "aiosqlite-statements": partial(_aiosqlite, begin="BEGIN"),
        **_alchemy("sqlite+aiosqlite"),
    },
    "mysql": {"aiomysql": _bare, **_alchemy("mysql+aiomysql"), **_alchemy("mysql+asyncmy")},
    "sqlserver": {"aioodbc": _bare, **_alchemy("mssql+aioodbc")},
}


def is_variant(kind: str) -> bool:
    """True if another kind runs the same statements over the same driver, with the same settings of its owner.

    Such a kind differs in how its transaction begins and ends, and in what object holds it.
    """
    return kind.startswith("connection-") or kind.endswith(("-begun", "-block")) or kind == "aiosqlite-statements"
