"""A caller's own connection with psycopg2.

It knows no parameters of the server's own: values are put into the text. Each goes as a literal of no type, so that the
server reads it as what the statement casts it to (see psycopg_session).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, QuotedString
from psycopg2.extensions import cursor as PlainCursor  # noqa: N812 - a class, whatever its name

from dbjobs.errors import DatabaseError, DatabaseUnavailable, MissingPermission, TransactionConflict
from dbjobs.store.database import Row
from dbjobs.store.named_rows import row_type
from dbjobs.store.postgres import copy
from dbjobs.store.postgres.binding import Binding
from dbjobs.store.postgres.cutting import cut_off
from dbjobs.store.postgres.text import as_text
from dbjobs.store.records import NewJob
from dbjobs.store.synchronous import seconds_left

_PLACE = re.compile(r"\$(\d+)")


def check_usable(connection: Any) -> None:
    """Refuse a connection that cannot work.

    Raises:
        DatabaseUnavailable: the connection is closed.
    """
    if connection.closed:
        raise DatabaseUnavailable("connection= is closed")


def would_commit_each(connection: Any) -> bool:
    """True in autocommit mode without a BEGIN; otherwise psycopg2 begins a transaction by itself."""
    return bool(connection.autocommit) and connection.info.transaction_status == TRANSACTION_STATUS_IDLE


class Psycopg2Session:
    """Statements on a caller's psycopg2 connection, each with a cursor of its own."""

    def __init__(self, binding: Binding, connection: Any) -> None:
        self._binding = binding
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._binding.statements[statement]
        with _translated(), cut_off(self._connection.cancel, seconds_left()):
            values = [self._literal(value) for value in self._binding.bind(prepared.parameters, parameters)]
            with PlainCursor(self._connection) as cursor:
                cursor.execute(_PLACE.sub(lambda place: values[int(place[1]) - 1], prepared.text))
                if cursor.description is None:
                    return []
                kind = row_type(tuple([column.name for column in cursor.description]))
                return [kind(row) for row in cursor.fetchall()]

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run on a caller's own connection")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        text = io.StringIO("".join(copy.as_text(copy.records(ids, jobs))))
        with _translated(), PlainCursor(self._connection) as cursor:
            cursor.copy_expert(self._binding.statements.text("copy_jobs"), text)
        return ids

    def _literal(self, value: Any) -> str:
        text = as_text(value)
        if text is None:
            return "NULL"
        quoted = QuotedString(text)
        quoted.prepare(self._connection)
        return str(quoted.getquoted().decode(quoted.encoding))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what psycopg2 raises in the block into our own errors."""
    errors = psycopg2.errors
    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable) as error:
        raise TransactionConflict(str(error)) from error
    except errors.InsufficientPrivilege as error:
        raise MissingPermission(str(error)) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise DatabaseUnavailable(f"connection=: {error}") from error
    except (psycopg2.Error, UnicodeError) as error:  # UnicodeError: a client_encoding that cannot say it
        raise DatabaseError(f"{type(error).__name__}: {error}") from error
