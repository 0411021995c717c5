"""Callers' own PostgreSQL connections, with asyncpg or psycopg, whatever their owners have set on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import asyncpg

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption
from dbjobs.store.adopting import is_instance, refused, refused_blocking
from dbjobs.store.database import Row, Session
from dbjobs.store.postgres import copy
from dbjobs.store.postgres.binding import Binding
from dbjobs.store.records import NewJob

KINDS = "an asyncpg connection, or psycopg's AsyncConnection"
BLOCKING_KINDS = "psycopg's Connection, or a psycopg2 connection"


def adopted(binding: Binding, connection: Any) -> Session:
    """The caller's connection as a session.

    It refuses a connection outside a transaction. That would commit each statement of an enqueue by itself: the caller
    could not take the job back, and a job could lose its parents half-way.

    Raises:
        InvalidOption, DatabaseUnavailable.
    """
    # A pool's proxy is not an asyncpg.Connection, but has everything that one has.
    if isinstance(connection, asyncpg.Connection) or hasattr(connection, "copy_records_to_table"):
        try:
            if connection.is_closed():
                raise DatabaseUnavailable("connection= is closed")
            if not connection.is_in_transaction():
                raise _outside()
        except asyncpg.InterfaceError as error:  # its owner has given it back to a pool
            raise InvalidOption(f"connection= cannot be used here: {error}") from error
        return AsyncpgSession(binding, connection)
    if is_instance(connection, "psycopg", "AsyncConnection"):
        # Imported here: psycopg is not a dependency.
        from dbjobs.store.postgres.psycopg_session import PsycopgSession, check_usable, would_commit_each

        check_usable(connection)
        if would_commit_each(connection):
            raise _outside()
        return PsycopgSession(binding, connection)
    raise refused(connection, KINDS)


def adopted_blocking(binding: Binding, connection: Any) -> Session:
    """The same for the connection of a synchronous driver.

    Raises:
        InvalidOption, DatabaseUnavailable.
    """
    if is_instance(connection, "psycopg", "Connection"):
        from dbjobs.store.postgres.psycopg_session import BlockingPsycopgSession, check_usable, would_commit_each

        check_usable(connection)
        if would_commit_each(connection):
            raise _outside("with")
        return BlockingPsycopgSession(binding, connection)
    if is_instance(connection, "psycopg2.extensions", "connection"):
        from dbjobs.store.postgres import psycopg2_session

        psycopg2_session.check_usable(connection)
        if psycopg2_session.would_commit_each(connection):
            raise _outside("with")
        return psycopg2_session.Psycopg2Session(binding, connection)
    raise refused_blocking(connection, BLOCKING_KINDS)


def _outside(block: str = "async with") -> InvalidOption:
    return InvalidOption(
        "connection= has no open transaction, so the job would have no commit to wait for: enqueue inside "
        f"'{block} connection.transaction():'"
    )


class AsyncpgSession:
    """Statements on a caller's asyncpg connection."""

    def __init__(self, binding: Binding, connection: Any) -> None:
        self._binding = binding
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._binding.statements[statement]
        values = self._binding.bind(prepared.parameters, parameters)
        with self._binding.errors():
            rows: Sequence[Row] = await self._connection.fetch(prepared.text, *values, record_class=asyncpg.Record)
            return prepared.rows(rows)

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run on a caller's own connection")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        with self._binding.errors():
            await self._connection.copy_to_table(
                "background_job",
                schema_name=self._binding.schema,
                columns=copy.COLUMNS,
                source=_encoded(copy.as_text(copy.records(ids, jobs))),
                format="text",
                encoding="utf-8",
            )
        return ids


async def _encoded(texts: Iterator[str]) -> AsyncIterator[bytes]:
    for text in texts:
        yield text.encode()
