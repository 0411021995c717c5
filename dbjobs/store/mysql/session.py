"""Sessions on connections to MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from dbjobs.errors import DatabaseError
from dbjobs.store.database import Row
from dbjobs.store.mysql import filling
from dbjobs.store.mysql.errors import COLUMN_EXISTS, PARTITION_EXISTS, PARTITION_GONE, code_of
from dbjobs.store.mysql.script import OpenRuns, Run, Scripts
from dbjobs.store.mysql.steps import steps_of
from dbjobs.store.mysql.values import column_of, in_pieces
from dbjobs.store.named_rows import row_type
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Table

# The collation that compares byte by byte, trailing blanks included: the servers have one name each for it.
_BYTEWISE = {True: "utf8mb4_nopad_bin", False: "utf8mb4_0900_bin"}
_ROWS_PER_INSERT = 1000


class MysqlSession:
    """Statements on one connection: ours inside a transaction, or the caller's own."""

    def __init__(self, scripts: Scripts, connection: OpenRuns, *, ours: bool) -> None:
        self._scripts = scripts
        self._connection = connection
        self._ours = ours
        self._locked = False

    @property
    def connection(self) -> Any:
        return self._connection.raw

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        if statement == "add_refs" and self._ours:
            for ref_id in column_of(parameters["refs"], "ref_id"):
                self._locked = True
                await Run(self._connection, self._scripts, {"ref_id": ref_id}).steps(
                    self._scripts.steps("hold_ref"), alone=False
                )
        self._locked = self._locked or statement == "lock_schema"
        steps = self._scripts.steps(statement)
        rows: list[Row] = []
        if steps:
            for piece in in_pieces(parameters):
                rows += await Run(self._connection, self._scripts, piece).steps(steps, alone=False)
        return rows

    async def script(self, statement: str, /, **words: str) -> None:
        text = statement if "\n" in statement else self._scripts.statements.text(statement)
        words.setdefault("bytewise", _BYTEWISE[self._connection.is_mariadb])
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        for step in steps_of(text):
            try:
                await Run(self._connection, self._scripts, {}).steps([step], alone=False)
            except DatabaseError as error:
                # DDL is not transactional: after a crash in the middle some of it has been done already.
                if code_of(error.__cause__) not in COLUMN_EXISTS | PARTITION_EXISTS | PARTITION_GONE:
                    raise

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids: list[int] = []
        for start in range(0, len(jobs), _ROWS_PER_INSERT):
            rows = Table.of(jobs[start : start + _ROWS_PER_INSERT])
            ids += [row[0] for row in await self.fetch("insert_bulk", jobs=rows)]
        return ids

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """See dbjobs.store.database.FillingSession."""
        columns, rows = filling.with_derived(table, columns, rows)
        words = {"table": table, "columns": ", ".join(columns), "values": ", ".join(f":{name}" for name in columns)}
        text = self._scripts.statements.source("copy_rows")
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        steps = steps_of(text)
        for piece in in_pieces({"rows": Table(columns, rows)}):
            await Run(self._connection, self._scripts, piece).steps(steps, alone=False)

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        async with self._connection.raw.cursor() as cursor:
            await cursor.execute(statement, parameters or None)
            return max(int(cursor.rowcount), 0)

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        async with self._connection.raw.cursor() as cursor:
            await cursor.execute(statement, parameters or None)
            if cursor.description is None:
                return ()
            kind = row_type(tuple([column[0] for column in cursor.description]))
            return [kind(row) for row in await cursor.fetchall()]

    async def end(self) -> None:
        """Release what outlives a transaction: named locks on the schema and on keys."""
        if self._locked and not self._connection.is_closed():
            with anyio.CancelScope(shield=True):
                await self.fetch("release_locks")
