"""Applications without an event loop that hold their own transaction: each lives in one thread of its own.

``SYNC_CALLERS`` has the kinds of each dialect by name, beside ``CALLERS``; ``SYNC_HOLDERS`` has what holds one of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
from psycopg.rows import dict_row
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.orm import Session as AlchemySession

from dbjobs import JobRef, Jobs
from dbjobs.store.adopting import adopt_blocking
from dbjobs.store.database import Row, Session
from dbjobs.store.synchronous import BlockingDatabase, run
from tests.conformance.callers import Caller, Hexadecimal, OpenCaller
from tests.conformance.raw import Raw
from tests.servers.databases import mysql_arguments

T = TypeVar("T")


class Application:
    """What it does in its thread, in its driver's words.

    Args:
        given: what it hands over as ``connection=``.
    """

    def __init__(self, given: Any) -> None:
        self.given = given

    def begin(self) -> None:
        """Start a transaction, in the manner of this kind (which may be: the next statement does)."""

    def execute(self, statement: str) -> None:
        cursor = self.given.cursor()
        cursor.execute(statement)
        cursor.close()

    def commit(self) -> None:
        self.given.commit()

    def rollback(self) -> None:
        self.given.rollback()

    def settings(self) -> object:
        """What the owner has set on the connection, and must find again."""
        return None

    def close(self) -> None:
        self.given.close()


class SyncCaller(Caller):
    """The same four words for the tests, which live in an event loop."""

    def __init__(self, thread: Callable[..., Any], application: Application) -> None:
        self._thread = thread
        self._application = application
        self._jobs: Jobs | None = None
        self.given = application.given

    async def begin(self) -> None:
        await self._thread(self._application.begin)

    async def execute(self, statement: str) -> None:
        await self._thread(self._application.execute, statement)

    async def commit(self) -> None:
        await self._thread(self._application.commit)

    async def rollback(self) -> None:
        await self._thread(self._application.rollback)

    async def settings(self) -> object:
        return await self._thread(self._application.settings)

    async def enqueue(self, jobs: Jobs, *arguments: Any, **options: Any) -> JobRef:
        self._jobs = jobs
        ref: JobRef = await self._thread(partial(jobs.sync.enqueue, *arguments, connection=self.given, **options))
        return ref

    async def enqueue_many(self, jobs: Jobs, *arguments: Any, **options: Any) -> list[JobRef]:
        self._jobs = jobs
        refs: list[JobRef] = await self._thread(
            partial(jobs.sync.enqueue_many, *arguments, connection=self.given, **options)
        )
        return refs

    async def session(self, jobs: Jobs) -> Session:
        self._jobs = jobs

        def adopt() -> Session:
            inner, portal = jobs.sync._opened("enqueue")
            return run(adopt_blocking(BlockingDatabase(inner._client.opening.unchecked, portal.wait), self.given))

        return InThread(self._thread, await self._thread(adopt))

    async def close(self) -> None:
        if self._jobs is not None:
            await self._thread(self._jobs.sync.close)
        await self._thread(self._application.close)


class InThread:
    """A session whose statements run in the application's thread."""

    def __init__(self, thread: Callable[..., Any], session: Session) -> None:
        self._thread = thread
        self._session = session
        self.connection = session.connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._thread(lambda: run(self._session.fetch(statement, **parameters)))
        return rows

    async def script(self, statement: str, /, **words: str) -> None:
        raise NotImplementedError

    async def insert_bulk(self, jobs: Any) -> list[int]:
        raise NotImplementedError


@asynccontextmanager
async def opened(raw: Raw, make: Callable[[Raw], Application]) -> AsyncIterator[Caller]:
    """An application, until the end of the block."""
    async with raw.connection():
        pass
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as threads:
        thread = partial(loop.run_in_executor, threads)
        caller = SyncCaller(thread, await thread(make, raw))
        try:
            yield caller
        finally:
            await caller.close()


# --- drivers ---------------------------------------------------------------------------------------


class Psycopg(Application):
    """psycopg with rows as dictionaries; a transaction begins with the first statement."""

    def settings(self) -> object:
        rows = self.given.execute("SELECT %s::int8 AS number, %s AS text", (7, "x")).fetchall()
        return rows, self.given.autocommit, self.given.row_factory, self.given.cursor_factory


class PsycopgBlock(Psycopg):
    """psycopg in autocommit mode, with ``with connection.transaction()``."""

    def begin(self) -> None:
        self._block = self.given.transaction()
        self._block.__enter__()

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def rollback(self) -> None:
        leave = psycopg.Rollback()
        assert self._block.__exit__(type(leave), leave, None)


def _psycopg(raw: Raw, kind: type[Psycopg], *, autocommit: bool) -> Application:
    connection: Any = psycopg.connect(
        raw.url, autocommit=autocommit, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
    )
    connection.adapters.register_loader("int8", Hexadecimal)
    return kind(connection)


def _psycopg2(raw: Raw) -> Application:
    psycopg2 = import_module("psycopg2")
    return Application(psycopg2.connect(raw.url, cursor_factory=import_module("psycopg2.extras").RealDictCursor))


class Sqlite3(Application):
    """sqlite3 as it is by default: the first write begins a transaction; rows and text as the owner likes them."""

    def settings(self) -> object:
        connection = self.given
        timeout = tuple(connection.execute("PRAGMA busy_timeout").fetchone())
        return connection.row_factory, connection.text_factory, connection.isolation_level, timeout


def _sqlite3(raw: Raw) -> Application:
    connection = sqlite3.connect(raw.path, timeout=7)
    connection.row_factory, connection.text_factory = sqlite3.Row, bytes
    return Sqlite3(connection)


def _mysql_words(raw: Raw) -> dict[str, Any]:
    words = mysql_arguments(raw.url)
    return {name: words[name] for name in ("host", "port", "user", "password", "unix_socket") if name in words} | {
        "database": words["db"], "charset": "utf8mb4",
    }  # fmt: skip


def _pymysql(raw: Raw) -> Application:
    return Application(pymysql.connect(**_mysql_words(raw), cursorclass=pymysql.cursors.DictCursor))


class Begun(Application):
    """A connection in autocommit mode, with BEGIN as a statement."""

    def begin(self) -> None:
        self.execute("BEGIN")


def _mysqlclient(raw: Raw) -> Application:
    return Begun(import_module("MySQLdb").connect(**_mysql_words(raw), autocommit=True))


def _pyodbc(raw: Raw) -> Application:
    from tests.servers.sqlserver import odbc_string

    return Application(import_module("pyodbc").connect(odbc_string(raw.url)))


# --- SQLAlchemy and Django -------------------------------------------------------------------------


class Alchemy(Application):
    def execute(self, statement: str) -> None:
        self.given.execute(text(statement))

    def close(self) -> None:
        engine = self.given.get_bind()
        self.given.close()
        engine.dispose()


def _alchemy(raw: Raw, driver: str) -> Application:
    url = make_url(raw.url).set(drivername=driver)
    if driver == "mssql+pyodbc":
        from tests.servers.sqlserver import odbc_string

        url = URL.create(driver, query={"odbc_connect": odbc_string(raw.url)})
    return Alchemy(AlchemySession(create_engine(url)))


class Django(Application):
    """Django's ``connection``, with ``transaction.atomic()``; outside of it Django commits each statement."""

    def begin(self) -> None:
        from django.db import transaction

        self._block = transaction.atomic(using=self.given.alias)
        self._block.__enter__()

    def execute(self, statement: str) -> None:
        if statement.startswith("SAVEPOINT"):
            self._savepoint = self.given.savepoint()
        elif statement.startswith("ROLLBACK TO"):
            self.given.savepoint_rollback(self._savepoint)
        else:
            super().execute(statement)

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def rollback(self) -> None:
        with suppress(Undone):
            error = Undone()
            self._block.__exit__(Undone, error, None)

    def close(self) -> None:
        from django.db import connections

        with suppress(Exception):
            self.rollback()
        self.given.close()
        del connections.settings[self.given.alias]


class Undone(Exception):
    """Leaves an atomic block."""


def _django(raw: Raw, engine: str) -> Application:
    import django
    from django.conf import settings
    from django.db import connections

    if not settings.configured:
        settings.configure(DATABASES={}, USE_TZ=True, LOGGING_CONFIG=None)
        django.setup()
    alias = f"test {id(raw)}"
    parts = urlsplit(raw.url)
    database: dict[str, Any] = {"ENGINE": f"django.db.backends.{engine}"}
    if raw.dialect == "sqlite":
        database["NAME"] = raw.path
    elif raw.dialect == "postgres":
        database |= {"NAME": parts.path[1:], "HOST": parts.hostname, "PORT": parts.port}
        database |= {"USER": unquote(parts.username or ""), "PASSWORD": unquote(parts.password or "")}
    else:
        if not has("MySQLdb"):
            pymysql.install_as_MySQLdb()
        words = _mysql_words(raw)
        database |= {"NAME": words["database"], "HOST": words.get("unix_socket") or words["host"]}
        database |= {"PORT": words.get("port", 3306), "USER": words["user"], "PASSWORD": words.get("password", "")}
        database["OPTIONS"] = {"charset": "utf8mb4"}
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: database})[alias]
    connection = connections.create_connection(alias)
    connections[alias] = connection
    return Django(connection)


def has(module: str) -> bool:
    """Whether a driver is installed here."""
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def _kind(make: Callable[[Raw], Application]) -> OpenCaller:
    return partial(opened, make=make)


# The drivers, whose statements are run in every way.
SYNC_CALLERS: Mapping[str, Mapping[str, OpenCaller]] = {
    "postgres": {
        "sync-psycopg": _kind(partial(_psycopg, kind=Psycopg, autocommit=False)),
        **({"sync-psycopg2": _kind(_psycopg2)} if has("psycopg2") else {}),
    },
    "sqlite": {"sync-sqlite3": _kind(_sqlite3)},
    "mysql": {
        "sync-pymysql": _kind(_pymysql),
        **({"sync-mysqlclient": _kind(_mysqlclient)} if has("MySQLdb") else {}),
    },
    "sqlserver": {"sync-pyodbc": _kind(_pyodbc)},
}
# What else holds one of these: it is enough to see that it is unwrapped.
SYNC_HOLDERS: Mapping[str, Mapping[str, OpenCaller]] = {
    "postgres": {
        "sync-psycopg-block": _kind(partial(_psycopg, kind=PsycopgBlock, autocommit=True)),
        "sync-session-psycopg": _kind(partial(_alchemy, driver="postgresql+psycopg")),
        "sync-django-psycopg": _kind(partial(_django, engine="postgresql")),
    },
    "sqlite": {
        "sync-session-pysqlite": _kind(partial(_alchemy, driver="sqlite+pysqlite")),
        "sync-django-sqlite3": _kind(partial(_django, engine="sqlite3")),
    },
    "mysql": {
        "sync-session-pymysql": _kind(partial(_alchemy, driver="mysql+pymysql")),
        f"sync-django-{'mysqlclient' if has('MySQLdb') else 'pymysql'}": _kind(partial(_django, engine="mysql")),
    },
    "sqlserver": {"sync-session-pyodbc": _kind(partial(_alchemy, driver="mssql+pyodbc"))},
}
