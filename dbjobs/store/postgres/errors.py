"""asyncpg's exceptions as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import asyncpg

from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    DataRefused,
    LockTimeout,
    MissingPermission,
    PartitionMissing,
    TransactionConflict,
)
from dbjobs.store.unreachable import why_unreachable

_CONFLICTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # DDL changed a table under a prepared statement; the next try prepares it anew.
    asyncpg.InvalidCachedStatementError,
)
# Class 22, and what is too large for any row.
_DATA = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
# A standby, a demoted primary, or a server that its owner has made read-only for a while. 25006 on a caller's own
# connection may also be the caller's own READ ONLY transaction.
_READ_ONLY = (asyncpg.ReadOnlySQLTransactionError, asyncpg.TargetServerAttributeNotMatched)
_BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
    TimeoutError,
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what the driver raises in the block into our own errors.

    Args:
        where: host, port and database, for messages.
    """
    try:
        yield
    except DatabaseError:
        raise
    except Exception as error:
        translation = translate(error, where)
        if translation is None:
            raise
        raise translation from error


def translate(error: Exception, where: str) -> DatabaseError | None:
    """The driver's exception as one of ours; None if it is not an exception of the driver or the network."""
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LockTimeout(str(error))
    if isinstance(error, _CONFLICTS):
        return TransactionConflict(str(error))
    if isinstance(error, _READ_ONLY):
        return DatabaseUnavailable(f"PostgreSQL at {where} is read-only: {error}")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return MissingPermission(f"{where}: {error}")
    if isinstance(error, asyncpg.CheckViolationError):
        # A row that finds no partition violates no named constraint. (The text is in the server's language.)
        if error.constraint_name is None:
            return PartitionMissing(str(error), _missing_month(error.detail))
        return DatabaseError(str(error))
    if isinstance(error, _REFUSED):
        return DatabaseUnavailable(f"PostgreSQL at {where} refused the connection: {error}")
    if isinstance(error, asyncpg.ClientConfigurationError):  # a ValueError, too, but about the URL
        return DatabaseError(f"PostgreSQL at {where}: {error}")
    if isinstance(error, (*_DATA, ValueError)):  # the ValueError is the driver's: it could not send an argument
        return DataRefused(f"{type(error).__name__}: {error}")
    if isinstance(error, asyncpg.InterfaceError) and is_mistake(error):
        return DatabaseError(str(error))
    if isinstance(error, _BROKEN):
        text = (
            why_unreachable(error, where)
            or str(error)
            or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
        )
        return DatabaseUnavailable(f"PostgreSQL at {where} cannot be reached: {text}")
    if isinstance(error, asyncpg.PostgresError):
        return DatabaseError(f"{type(error).__name__}: {error}")
    return None


def _missing_month(detail: str | None) -> str | None:
    """The month of a row that found no partition: "... contains (created_at) = (2022-03-15 12:30:00+00)."."""
    found = re.search(r"= \((.+)\)", detail or "")
    try:
        return None if found is None else datetime.fromisoformat(found[1]).astimezone(UTC).strftime("%Y%m")
    except ValueError:  # a server with another DateStyle
        return None


def is_mistake(error: Exception) -> bool:
    """True if the driver found an argument or a call at fault before it sent anything; its connection is as it was."""
    if isinstance(error, ValueError):  # the text quotes the argument, whatever is in it
        return True
    text = str(error)
    return not any(word in text for word in ("connection", "pool is clos", "another operation", "cannot switch"))
