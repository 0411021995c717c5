"""The caller's own connection, in whatever form the application holds it, as a session.

SQLAlchemy and Django are not our dependencies. An application that passes one of their objects has imported them, so we
look for them among the imported modules and never import them here. The same goes for drivers that are not ours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption
from dbjobs.store.database import Database, Session
from dbjobs.store.synchronous import BlockingDatabase

# Synchronous connections, and what holds one: (module, class).
_SYNCHRONOUS = (
    ("sqlite3", "Connection"),
    ("psycopg", "Connection"),
    ("psycopg2.extensions", "connection"),
    ("pymysql.connections", "Connection"),
    ("MySQLdb.connections", "Connection"),
    ("pyodbc", "Connection"),
    ("sqlalchemy", "Connection"),
    ("sqlalchemy.orm", "Session"),
    ("sqlalchemy.orm", "scoped_session"),
    ("django.utils.connection", "ConnectionProxy"),
    ("django.db.backends.base.base", "BaseDatabaseWrapper"),
)
_ASYNCHRONOUS = (
    ("asyncpg", "Connection"),
    ("psycopg", "AsyncConnection"),
    ("aiosqlite", "Connection"),
    ("aiomysql", "Connection"),
    ("asyncmy", "Connection"),
    ("aioodbc", "Connection"),
    ("sqlalchemy.ext.asyncio", "AsyncConnection"),
    ("sqlalchemy.ext.asyncio", "AsyncSession"),
    ("sqlalchemy.ext.asyncio", "async_scoped_session"),
)


async def adopt(database: Database, connection: Any) -> Session:
    """The value of ``connection=`` as a session in the caller's transaction.

    Raises:
        InvalidOption: it is not a connection to this database, or has no transaction that the job could be part of.
        DatabaseError: it does not work.
    """
    return await database.adopt(await driver_connection(connection))


async def adopt_blocking(database: BlockingDatabase, connection: Any) -> Session:
    """The same in code without an event loop: a synchronous driver's connection, SQLAlchemy's or Django's."""
    return await database.adopt(blocking_driver_connection(connection))


def is_instance(value: object, module: str, *names: str) -> bool:
    """True if it is of one of these classes, whose module may not be installed."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, tuple(getattr(loaded, name) for name in names))


def refused(connection: object, kinds: str) -> InvalidOption:
    """The error for an object that is not a connection to this database.

    Args:
        connection: what was given.
        kinds: the drivers' own connections that are accepted ("an asyncpg connection or ...").
    """
    hint = ""
    if any(is_instance(connection, *kind) for kind in _SYNCHRONOUS):
        hint = "; with a synchronous connection call jobs.sync.enqueue(..., connection=...) in a thread without a loop"
    return InvalidOption(
        f"connection= must be {kinds}, or a SQLAlchemy AsyncSession or AsyncConnection that uses one of these; "
        f"this is not one of them: {_kind_of(connection)}{hint}"
    )


def refused_blocking(connection: object, kinds: str) -> InvalidOption:
    """The same for code without an event loop."""
    hint = ""
    if any(is_instance(connection, *kind) for kind in _ASYNCHRONOUS):
        hint = "; with an asynchronous connection await jobs.enqueue(..., connection=...) in its event loop"
    return InvalidOption(
        f"connection= must be {kinds}, or a SQLAlchemy Session or Connection or Django's connection that uses one of "
        f"these; this is not one of them: {_kind_of(connection)}{hint}"
    )


def _kind_of(connection: object) -> str:
    kind = type(connection)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


async def driver_connection(connection: Any) -> Any:
    """The driver's connection below a SQLAlchemy AsyncSession or AsyncConnection; all else as it is.

    SQLAlchemy commits only a transaction that it knows of, and begins one at its first statement; some of its drivers
    (asyncpg's) tell the server only then, even after an explicit ``begin()``. So a statement goes through SQLAlchemy
    first, and whatever follows on the driver's connection is inside its transaction.
    """
    if is_instance(connection, "sqlalchemy.ext.asyncio", "async_scoped_session"):
        connection = connection()
    if not is_instance(connection, "sqlalchemy.ext.asyncio", "AsyncSession", "AsyncConnection"):
        return connection
    sqlalchemy = sys.modules["sqlalchemy"]
    with _alchemy_errors():
        if is_instance(connection, "sqlalchemy.ext.asyncio", "AsyncSession"):
            connection = await connection.connection()
        await connection.execute(sqlalchemy.select(1))
        return (await connection.get_raw_connection()).driver_connection


def blocking_driver_connection(connection: Any) -> Any:
    """The driver's connection below a SQLAlchemy Session or Connection, or below Django's; all else as it is."""
    if is_instance(connection, "django.utils.connection", "ConnectionProxy") or is_instance(
        connection, "django.db.backends.base.base", "BaseDatabaseWrapper"
    ):
        return _below_django(connection)
    if is_instance(connection, "sqlalchemy.orm", "scoped_session"):
        connection = connection()
    if not (
        is_instance(connection, "sqlalchemy.orm", "Session") or is_instance(connection, "sqlalchemy", "Connection")
    ):
        return connection
    sqlalchemy = sys.modules["sqlalchemy"]
    with _alchemy_errors():
        if is_instance(connection, "sqlalchemy.orm", "Session"):
            connection = connection.connection()
        connection.execute(sqlalchemy.select(1))  # see driver_connection
        return connection.connection.driver_connection


def _below_django(connection: Any) -> Any:
    """What Django's ``connection`` has opened. Outside of ``atomic()`` Django commits each statement by itself."""
    django = sys.modules["django.db.utils"]
    try:
        connection.ensure_connection()
        connection.validate_no_broken_transaction()
        if connection.get_autocommit() and not connection.in_atomic_block:
            raise InvalidOption(
                "connection= has no open transaction, so the job would have no commit to wait for: "
                "enqueue inside 'with transaction.atomic():'"
            )
    except django.OperationalError as error:
        raise DatabaseUnavailable(f"connection=: {error}") from error
    except (django.DatabaseError, django.InterfaceError) as error:  # closed inside atomic(), to be rolled back first
        raise InvalidOption(f"connection= cannot be used here: {error}") from error
    return connection.connection


@contextmanager
def _alchemy_errors() -> Iterator[None]:
    """Turn what SQLAlchemy raises in the block into our own errors."""
    sqlalchemy = sys.modules["sqlalchemy"]
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(f"connection=: {error.orig}") from error
        raise DatabaseError(f"connection=: {error.orig}") from error
    except (sqlalchemy.exc.InvalidRequestError, sqlalchemy.exc.ArgumentError) as error:
        # Not started, closed, to be rolled back first, a session bound to several databases, ...
        raise InvalidOption(f"connection= cannot be used here: {error}") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DatabaseError(f"connection=: {error}") from error
    except OSError as error:  # a session connects at its first use
        raise DatabaseUnavailable(f"connection=: {error}") from error
