"""Statements on one connection of SQL Server: ours inside a transaction, or the caller's own."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import aioodbc
import anyio
import pyodbc

from dbjobs.errors import DatabaseUnavailable
from dbjobs.store.database import Row
from dbjobs.store.named_rows import row_type
from dbjobs.store.records import NewJob
from dbjobs.store.schemas import in_schema
from dbjobs.store.sqlserver.connection import Result, read
from dbjobs.store.sqlserver.driver import is_freetds
from dbjobs.store.sqlserver.errors import nothing_stored, translated
from dbjobs.store.sqlserver.limits import GRACE_SECONDS, Limits
from dbjobs.store.sqlserver.values import rows_of, sizes_of, values_of
from dbjobs.store.statements import Statement, Statements, Table

log = logging.getLogger("dbjobs")

ROWS_PER_INSERT = 2000  # of insert_bulk
_MOST_PARAMETERS = 2000  # of a batch; the server takes 2,100
_NUMBERED = frozenset({"background_job", "job_log"})  # their numbers come from IDENTITY
CANCEL_SECONDS = 2.0  # how long a cancelled call waits for what it has begun on a caller's connection

_GO = re.compile(r"^GO\s*$", re.MULTILINE)


class Batches:
    """The statements of this dialect with what every batch begins with (open_batch.sql).

    Args:
        callers: they run on a caller's connection, in the caller's transaction (open_callers_batch.sql).
    """

    def __init__(self, schema: str, *, callers: bool = False) -> None:
        self.statements = Statements("sqlserver", in_schema("sqlserver", schema), lambda number, parameter: "?")
        opening = self.statements.text("open_callers_batch") if callers else self.statements.text("open_batch")
        self._opening = opening + ";\n"
        self._batches: dict[str, Statement] = {}

    def __getitem__(self, name: str) -> Statement:
        batch = self._batches.get(name)
        if batch is None:
            batch = self.statements[name]
            if batch.text:
                batch = batch._replace(text=self._opening + batch.text)
            self._batches[name] = batch
        return batch

    def script(self, statement: str, words: dict[str, str]) -> list[str]:
        """The batches of a script (a file's name, or a text of several lines), split at its GO lines.

        Without the common beginning: a view must be the first of its batch.
        """
        text = statement if "\n" in statement else self.statements.text(statement)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        return [batch.strip() for batch in _GO.split(text) if batch.strip()]


@lru_cache(maxsize=16)
def batches_of(schema: str, *, callers: bool = False) -> Batches:
    """The statements for a schema, read once."""
    return Batches(schema, callers=callers)


class Line(Protocol):
    """What a session needs of a connection."""

    aio: Any
    limits: Limits

    async def execute(self, text: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> Result: ...


class CallersConnection:
    """The caller's own aioodbc connection: used through its public calls; nothing of it is kept or changed.

    A call that is given up (cancelled, or out of time) goes on in one of aioodbc's threads. A caller who is cancelled
    is held back for a moment until it has ended: what they do next with their connection would meet it there.

    Args:
        where: host, port and database, for messages.
        limits: how long a batch may take.
    """

    def __init__(self, aio: aioodbc.Connection, where: str, limits: Limits) -> None:
        self.aio = aio
        self._where = where
        self.limits = limits

    async def execute(self, text: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> Result:
        """Run a batch; the rows of its last result.

        Raises:
            DatabaseUnavailable: no answer in time; the connection may still be at it. pyodbc.Error.
        """
        work = asyncio.ensure_future(self._execute(text, values))
        work.add_done_callback(_looked_at)
        seconds = (self.limits.statement if seconds is None else seconds) + GRACE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(work)
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"connection=: SQL Server at {self._where} did not answer within {seconds:g} s"
            ) from error
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await asyncio.wait({work}, timeout=CANCEL_SECONDS)
            raise

    async def _execute(self, text: str, values: Sequence[Any]) -> Result:
        cursor = await self.aio.cursor()  # not `async with`: that would commit
        try:
            if values:
                driver = await self.aio.getinfo(pyodbc.SQL_DRIVER_NAME)
                await cursor.setinputsizes(sizes_of(values, freetds=is_freetds(driver)))
            await cursor.execute(text, *values)
            result = Result((), ())
            while True:
                if cursor.description is not None:
                    result = Result([column[0] for column in cursor.description], await cursor.fetchall())
                if not await cursor.nextset():
                    return result
        finally:
            await cursor.close()


class BlockingConnection:
    """The caller's own pyodbc connection: a batch has blocked until its answer was there, for as long as it lets it.

    Args:
        limits: as for our own; a batch of an enqueue looks at none of them.
    """

    def __init__(self, raw: pyodbc.Connection, limits: Limits) -> None:
        self.aio = raw
        self.limits = limits
        self._freetds = is_freetds(raw.getinfo(pyodbc.SQL_DRIVER_NAME))

    async def execute(self, text: str, values: Sequence[Any] = (), *, seconds: float | None = None) -> Result:
        """Run a batch; the rows of its last result.

        Raises:
            pyodbc.Error.
        """
        cursor = self.aio.cursor()  # not `with`: that would commit
        try:
            if values:
                cursor.setinputsizes(sizes_of(values, freetds=self._freetds))
            cursor.execute(text, *values)
            return read(cursor)
        finally:
            cursor.close()


def _plain(value: Any) -> Any:
    """A value of a whole row: a moment as text, which keeps its microseconds whatever the driver makes of it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return value


def _looked_at(work: asyncio.Future[Result]) -> None:
    """Ignore the error of a call that was given up."""
    if not work.cancelled():
        work.exception()


class SqlServerSession:
    """See Session.

    Args:
        where: host, port and database, for messages.
        callers: the connection, and the transaction, are a caller's.
    """

    def __init__(self, line: Line, schema: str, where: str, *, callers: bool = False) -> None:
        self._line = line
        self._schema = schema
        self._batches = batches_of(schema, callers=callers)
        self._where = where
        self.is_changed = False  # a script has failed that may have left settings behind

    @property
    def connection(self) -> Any:
        return self._line.aio

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        batch = self._batches[statement]
        with nothing_stored():
            return await fetch(self._line, batch, {"schema": self._schema} | parameters, self._where)

    async def script(self, statement: str, /, **words: str) -> None:
        self.is_changed = True
        words["lock_milliseconds"] = self._line.limits.lock_milliseconds
        names = [statement]
        while names:
            for batch in self._batches.script(names.pop(), words):
                with translated(self._where):
                    result = await self._line.execute(batch, seconds=self._line.limits.script)
                for row in rows_of(result.columns, result.rows):
                    # A script may end by naming the one that goes on, or by saying something to people.
                    if "next" in row.keys():  # noqa: SIM118 - not a mapping
                        names.append(row["next"])
                    elif "warning" in row.keys():  # noqa: SIM118
                        log.warning("%s: %s", self._where, row["warning"])
        self.is_changed = False

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        ids: list[int] = []
        for start in range(0, len(jobs), ROWS_PER_INSERT):
            chunk = jobs[start : start + ROWS_PER_INSERT]
            ids += [row[0] for row in await self.fetch("insert_jobs", jobs=Table.of(chunk))]
        return ids

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """See dbjobs.store.database.FillingSession."""
        statements = self._batches.statements
        text = statements.text("copy_numbered_rows") if table in _NUMBERED else statements.text("copy_rows")
        text = text.replace("{table}", table).replace("{columns}", ", ".join(columns))
        at_once = _MOST_PARAMETERS // len(columns)
        for start in range(0, len(rows), at_once):
            page = rows[start : start + at_once]
            marks = "), (".join([", ".join("?" * len(columns))] * len(page))
            values = [_plain(value) for row in page for value in row]
            with translated(self._where):
                await self._line.execute(text.replace("{rows}", marks), values)

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        cursor = await self._line.aio.cursor()
        try:
            await cursor.execute(statement, *parameters)
            return max(int(cursor.rowcount), 0)
        finally:
            await cursor.close()

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        cursor = await self._line.aio.cursor()
        try:
            await cursor.execute(statement, *parameters)
            if cursor.description is None:
                return ()
            kind = row_type(tuple([column[0] for column in cursor.description]))
            return [kind(row) for row in await cursor.fetchall()]
        finally:
            await cursor.close()


async def fetch(line: Line, batch: Statement, parameters: dict[str, Any], where: str) -> Sequence[Row]:
    """Run one statement; a file that holds none costs no round trip."""
    if not batch.text:
        return ()
    with translated(where):
        result = await line.execute(batch.text, values_of(batch.parameters, parameters))
    return rows_of(result.columns, result.rows)
