"""Many rows straight into the tables of one database, by its fastest way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from benchmarks.peers.sqlite_file import path_of
from benchmarks.tables import mysql
from dbjobs.demo.shop.fill import text_of

Rows = Iterable[Sequence[Any]]
ROWS_PER_INSERT = 500
OF_MONTHS = ("completed_job", "failed_job", "job_log")


class Writer(Protocol):
    """Writes rows; times are datetimes in UTC."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, table: str, columns: Sequence[str], rows: Rows, *, month: str) -> None:
        """Add rows of one month ('YYYYMM') to a table of the library's, named without its schema."""

    async def finish(self, last_id: int, months: dict[str, tuple[int, int]]) -> None:
        """Let new jobs have larger ids, and the planner know what there is. ``months``: first and last id of each."""


class SqliteWriter:
    """Into the main file and the files of the months."""

    def __init__(self, url: str) -> None:
        self._main = Path(path_of(url))

    async def open(self) -> None:
        """Each file is opened when it is written."""

    async def close(self) -> None:
        """And closed then."""

    async def write(self, table: str, columns: Sequence[str], rows: Rows, *, month: str) -> None:
        name, path = f"dbjobs_{table}", self._main
        if table in OF_MONTHS:
            name, path = table, self._main.with_name(f"{self._main.stem}-history-{month}{self._main.suffix}")
        text = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
            connection.executemany(text, ([_text(value) for value in row] for row in rows))

    async def finish(self, last_id: int, months: dict[str, tuple[int, int]]) -> None:
        with closing(sqlite3.connect(self._main, timeout=60)) as connection, connection:
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'dbjobs_background_job'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('dbjobs_background_job', ?)", (last_id,))
            connection.executemany(
                "INSERT OR REPLACE INTO dbjobs_month_range VALUES (?, ?, ?)",
                [(month, *ids) for month, ids in months.items()],
            )


class PostgresWriter:
    """COPY."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._connection: Any = await asyncpg.connect(self._url, command_timeout=3600)

    async def close(self) -> None:
        await self._connection.close()

    async def write(self, table: str, columns: Sequence[str], rows: Rows, *, month: str) -> None:
        await self._connection.copy_records_to_table(table, schema_name="dbjobs", columns=list(columns), records=rows)

    async def finish(self, last_id: int, months: dict[str, tuple[int, int]]) -> None:
        await self._connection.execute(f"ALTER TABLE dbjobs.background_job ALTER COLUMN id RESTART WITH {last_id + 1}")
        await self._connection.execute("VACUUM (ANALYZE)")
        await self._connection.execute("CHECKPOINT")


class MysqlWriter:
    """INSERTs of many rows, in transactions."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._connection = await mysql.connect(self._url)
        await mysql.fetch(self._connection, "SET SESSION unique_checks = 0, foreign_key_checks = 0, sql_log_bin = 0")

    async def close(self) -> None:
        await self._connection.ensure_closed()

    async def write(self, table: str, columns: Sequence[str], rows: Rows, *, month: str) -> None:
        # A line of the log knows its month, and no moment.
        kept = [place for place, name in enumerate(columns) if name != "job_created_at"]
        columns = [columns[place] for place in kept] + (["created_month"] if table in OF_MONTHS else [])
        more = [int(month)] if table in OF_MONTHS else []
        text = f"INSERT INTO dbjobs_{table} ({', '.join(columns)}) VALUES "
        source, escape = iter(rows), self._connection.escape
        while batch := list(islice(source, ROWS_PER_INSERT)):
            chosen = ([*(row[place] for place in kept), *more] for row in batch)
            values = (", ".join([escape(_naive(value)) for value in row]) for row in chosen)
            await mysql.fetch(self._connection, text + ", ".join([f"({row})" for row in values]))

    async def finish(self, last_id: int, months: dict[str, tuple[int, int]]) -> None:
        await mysql.fetch(self._connection, f"ALTER TABLE dbjobs_background_job AUTO_INCREMENT = {last_id + 1}")
        names = "completed_job, dbjobs_failed_job, dbjobs_job_log, dbjobs_request_log, dbjobs_request_stat"
        await mysql.fetch(self._connection, f"ANALYZE TABLE dbjobs_{names}")


def _text(value: Any) -> Any:
    return text_of(value) if isinstance(value, datetime) else value


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
