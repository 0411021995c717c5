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
    MissingPermission,
    PartitionMissing,
    TransactionConflict,
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what the driver raises in the block into our own errors.

    Args:
        where: host, port and database, for messages.
    """
    try:
        yield
    except (
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.LockNotAvailableError,
    ) as error:
        raise TransactionConflict(str(error)) from error
    except asyncpg.InvalidCachedStatementError as error:
        # DDL changed a table under a prepared statement; the next try prepares it anew.
        raise TransactionConflict(str(error)) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPermission(f"{where}: {error}") from error
    except asyncpg.CheckViolationError as error:
        # A row that finds no partition violates no named constraint. (The text is in the server's language.)
        if error.constraint_name is None:
            raise PartitionMissing(str(error), _missing_month(error.detail)) from error
        raise DatabaseError(str(error)) from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseUnavailable(f"PostgreSQL at {where} refuses us: {error}") from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InternalClientError,
        OSError,
        EOFError,
        TimeoutError,
    ) as error:
        if isinstance(error, asyncpg.InterfaceError) and not _is_connection_problem(error):
            raise DatabaseError(str(error)) from error
        raise DatabaseUnavailable(
            f"PostgreSQL at {where} cannot be reached: {str(error) or type(error).__name__}"
        ) from error
    except (asyncpg.PostgresError, asyncpg.DataError) as error:
        raise DatabaseError(f"{type(error).__name__}: {error}") from error


def _missing_month(detail: str | None) -> str | None:
    """The month of a row that found no partition: "... contains (created_at) = (2022-03-15 12:30:00+00)."."""
    found = re.search(r"= \((.+)\)", detail or "")
    try:
        return None if found is None else datetime.fromisoformat(found[1]).astimezone(UTC).strftime("%Y%m")
    except ValueError:  # a server with another DateStyle
        return None


def _is_connection_problem(error: Exception) -> bool:
    text = str(error)
    return "connection" in text or "pool is clos" in text
