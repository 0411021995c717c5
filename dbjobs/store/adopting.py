"""The caller's own connection, however the application holds it, as a session of the database.

SQLAlchemy is not a dependency of ours: who has one of its objects in hand has imported it already, so it is looked for
among the imported modules and never imported here. Drivers that are not ours (psycopg, aiosqlite) are found likewise.
"""

from __future__ import annotations

import sys
from typing import Any

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption
from dbjobs.store.database import Database, Session


async def adopt(database: Database, connection: Any) -> Session:
    """What ``connection=`` was given, as a session whose transaction is the caller's.

    Raises:
        InvalidOption: it is not a connection to this database, or has no transaction that the job could be part of.
        DatabaseError: it does not work.
    """
    return await database.adopt(await driver_connection(connection))


def is_instance(value: object, module: str, *names: str) -> bool:
    """Is it one of these classes of a module that may not even be installed?"""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, tuple(getattr(loaded, name) for name in names))


def refused(connection: object, kinds: str) -> InvalidOption:
    """The error for what is not a connection of this database.

    Args:
        connection: what was given.
        kinds: the drivers' own connections that are accepted ("an asyncpg connection or ...").
    """
    kind = type(connection)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return InvalidOption(
        f"connection= must be {kinds}, or a SQLAlchemy AsyncSession or AsyncConnection that uses one of these; "
        f"this is not one of them: {name}"
    )


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
    try:
        if is_instance(connection, "sqlalchemy.ext.asyncio", "AsyncSession"):
            connection = await connection.connection()
        await connection.execute(sqlalchemy.select(1))
        return (await connection.get_raw_connection()).driver_connection
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
