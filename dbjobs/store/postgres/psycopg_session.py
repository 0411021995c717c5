"""A caller's own connection with psycopg (3.2 and newer)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import IntLoader
from psycopg.types.string import StrDumperUnknown, TextLoader

from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    InvalidOption,
    MissingPermission,
    TransactionConflict,
)
from dbjobs.store.database import Row
from dbjobs.store.named_rows import row_type
from dbjobs.store.postgres import copy
from dbjobs.store.postgres.binding import Binding
from dbjobs.store.postgres.cutting import cut_off
from dbjobs.store.postgres.text import as_text
from dbjobs.store.records import NewJob
from dbjobs.store.synchronous import seconds_left

# What the statements of an enqueue return.
_LOADERS = (("int4", IntLoader), ("int8", IntLoader), ("bool", BoolLoader), ("text", TextLoader))


def check_usable(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    """Refuse a connection that cannot work.

    Raises:
        InvalidOption: psycopg is too old, or in pipeline mode: an enqueue decides by what it reads, and a pipeline
            answers when it ends. (Nor can it COPY.)
        DatabaseUnavailable: the connection is closed.
    """
    if not hasattr(psycopg, "AsyncRawCursor"):
        raise InvalidOption(f"connection= needs psycopg 3.2 or newer, and this is {psycopg.__version__}")
    if connection.closed:
        raise DatabaseUnavailable("connection= is closed")
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise InvalidOption("connection= is in pipeline mode: enqueue outside its connection.pipeline() block")


def would_commit_each(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> bool:
    """True in autocommit mode outside a block; otherwise psycopg begins a transaction by itself."""
    return connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE


class PsycopgSession:
    """Statements on a caller's psycopg connection.

    Each has a cursor of its own, with adapters of its own: what the caller has set on the connection does not change
    our rows, and nothing of ours stays on it. The statements' placeholders are PostgreSQL's own ($1), and every value
    goes as text of no type: the server reads it as what the statement casts it to, as it does with asyncpg. (psycopg
    would choose the smallest type that holds a number, and a list of small numbers would be a smallint[].)
    """

    def __init__(self, binding: Binding, connection: psycopg.AsyncConnection[Any]) -> None:
        self._binding = binding
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._binding.statements[statement]
        values = [as_text(value) for value in self._binding.bind(prepared.parameters, parameters)]
        with _translated():
            async with self._cursor() as cursor:
                await cursor.execute(prepared.text.encode(), values)
                return [] if cursor.description is None else prepared.rows(await cursor.fetchall())

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run on a caller's own connection")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        statement = self._binding.statements.text("copy_jobs")
        with _translated():
            async with self._cursor() as cursor, cursor.copy(statement.encode()) as sink:
                for text in copy.as_text(copy.records(ids, jobs)):
                    await sink.write(text)
        return ids

    def _cursor(self) -> psycopg.AsyncRawCursor[Row]:
        cursor = psycopg.AsyncRawCursor(self._connection, row_factory=_named_rows)
        _adapt(cursor.adapters)
        return cursor


class BlockingPsycopgSession:
    """The same on a synchronous connection: each call has blocked until its answer was there."""

    def __init__(self, binding: Binding, connection: psycopg.Connection[Any]) -> None:
        self._binding = binding
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._binding.statements[statement]
        values = [as_text(value) for value in self._binding.bind(prepared.parameters, parameters)]
        with _translated(), cut_off(self._connection.cancel, seconds_left()), self._cursor() as cursor:
            cursor.execute(prepared.text.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run on a caller's own connection")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        statement = self._binding.statements.text("copy_jobs")
        with _translated(), self._cursor() as cursor, cursor.copy(statement.encode()) as copying:
            for text in copy.as_text(copy.records(ids, jobs)):
                copying.write(text)
        return ids

    def _cursor(self) -> psycopg.RawCursor[Row]:
        cursor = psycopg.RawCursor(self._connection, row_factory=_named_rows)
        _adapt(cursor.adapters)
        return cursor


def _adapt(adapters: psycopg.adapt.AdaptersMap) -> None:
    adapters.register_dumper(str, StrDumperUnknown)
    for type_name, loader in _LOADERS:
        adapters.register_loader(type_name, loader)


def _named_rows(cursor: psycopg.AsyncCursor[Any] | psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    return row_type(tuple([column.name for column in cursor.description or ()]))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what psycopg raises in the block into our own errors."""
    try:
        yield
    except (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.LockNotAvailable,
    ) as error:
        raise TransactionConflict(str(error)) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MissingPermission(str(error)) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise DatabaseUnavailable(f"connection=: {error}") from error
    except (psycopg.Error, UnicodeError) as error:  # UnicodeError: a client_encoding that cannot say it
        raise DatabaseError(f"{type(error).__name__}: {error}") from error
