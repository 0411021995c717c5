"""Whole rows of a transfer on their way into the main file and the files of the request log."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dbjobs.errors import PartitionMissing
from dbjobs.store.sqlite.connection import roll_back
from dbjobs.store.sqlite.history import History
from dbjobs.store.sqlite.script import Script, Scripts
from dbjobs.store.sqlite.session import InPlaceSession
from dbjobs.store.sqlite.values import moment_text
from dbjobs.store.statements import Statements, Table

# What ends goes to the main file, in one transaction with everything else, and from there to its month's file.
_FIRST_IN = {"completed_job": "finished_job", "failed_job": "finished_job"}
# Tables whose months are files of their own from the start -> the moment that decides.
_REQUESTS = {"request_log": "at", "request_stat": "hour"}
# Moments are compared as text with what others write: these have more digits, or less, than all others.
_TIMESPECS = {("request_log", "at"): "microseconds", ("request_stat", "hour"): "seconds"}


class FillingInPlace(InPlaceSession):
    """A session in the writer's thread that takes whole rows."""

    def __init__(
        self, connection: sqlite3.Connection, history: History, statements: Statements, scripts: Scripts
    ) -> None:
        super().__init__(connection, history, statements, scripts)
        self._connection, self._history, self._files = connection, history, statements

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """See dbjobs.store.database.FillingSession."""
        formats = [_TIMESPECS.get((table, column)) for column in columns]
        texts = [[_text(value, form) for value, form in zip(row, formats, strict=True)] for row in rows]
        if table in _REQUESTS:
            await self._copy_requests(table, columns, texts)
            return
        script = self._script("copy_rows", _FIRST_IN.get(table, table), columns)
        script.run(self._connection, self._history, {"rows": Table(columns, texts)})

    async def _copy_requests(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        at = list(columns).index(_REQUESTS[table])
        script = self._script("copy_requests", table, columns)
        for month in sorted({_month(row[at]) for row in rows}):
            connection = self._history.requests(month)
            if connection is None:
                raise PartitionMissing(f"the request log has no file for {month}", month)
            own = [row for row in rows if _month(row[at]) == month]
            connection.execute("BEGIN IMMEDIATE")
            try:
                script.run(connection, self._history, {"rows": Table(columns, own)})
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                raise

    def _script(self, name: str, table: str, columns: Sequence[str]) -> Script:
        words = {"table": table, "columns": ", ".join(columns), "values": ", ".join(f":{name}" for name in columns)}
        text = self._files.source(name)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        return Script(text)


def _text(value: Any, timespec: str | None) -> Any:
    if not isinstance(value, datetime):
        return value
    if timespec is None:
        return moment_text(value)
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec)


def _month(moment: str) -> str:
    return moment[:4] + moment[5:7]
