"""Sessions on our own PostgreSQL connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbjobs.store.database import Row
from dbjobs.store.postgres import copy
from dbjobs.store.postgres.binding import Binding
from dbjobs.store.postgres.connection import PostgresConnection, milliseconds
from dbjobs.store.records import NewJob


class PostgresSession:
    """Statements on one of our own connections, inside a transaction."""

    def __init__(self, binding: Binding, connection: PostgresConnection) -> None:
        self._binding = binding
        self._connection = connection

    @property
    def connection(self) -> Any:
        return self._connection.raw

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        prepared = self._binding.statements[statement]
        values = self._binding.bind(prepared.parameters, parameters)
        return prepared.rows(await self._connection.fetch(prepared.text, values, in_doubt=False))

    async def script(self, statement: str, /, **words: str) -> None:
        text = statement if "\n" in statement else self._binding.statements.text(statement)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        await self._connection.script(text)

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids = [row[0] for row in await self.fetch("allocate_ids", count=len(jobs))]
        records = copy.records(ids, jobs)
        await self._connection.copy("background_job", self._binding.schema, copy.COLUMNS, records)
        return ids

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """See dbjobs.store.database.FillingSession."""
        await self._connection.copy(table, self._binding.schema, columns, rows)


class HandlersSession(PostgresSession):
    """The same for a handler's transaction: from our first statement on it may not idle for long."""

    def __init__(self, binding: Binding, connection: PostgresConnection, idle_seconds: float) -> None:
        super().__init__(binding, connection)
        self._idle_seconds = idle_seconds
        self._is_limited = False

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        if not self._is_limited:
            self._is_limited = True
            await super().fetch("limit_idle", milliseconds=milliseconds(self._idle_seconds))
        return await super().fetch(statement, **parameters)

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        """See dbjobs.store.database.HandlersSession."""
        tag = await self._connection.raw.execute(statement, *parameters)
        count = tag.rpartition(" ")[2]  # "INSERT 0 1", "CREATE TABLE"
        return int(count) if count.isdecimal() else 0

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """See dbjobs.store.database.HandlersSession."""
        rows: Sequence[Row] = await self._connection.raw.fetch(statement, *parameters)
        return rows
