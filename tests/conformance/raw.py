"""The database past the library: what a test must change or look at by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg


class Raw:
    """A bare connection for each call.

    Statements are written for PostgreSQL's names (``dbjobs.background_job``); on SQLite the schema is a prefix.
    """

    def __init__(self, dialect: str, url: str) -> None:
        self.dialect = dialect
        self.url = url

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement and commit it; its rows."""
        if self.dialect == "postgres":
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()
        file = sqlite3.connect(self.path, timeout=10)
        try:
            rows = file.execute(statement.replace("dbjobs.", "dbjobs_")).fetchall()
            file.commit()
            return rows
        finally:
            file.close()

    @property
    def path(self) -> str:
        """SQLite's main file."""
        return self.url.removeprefix("sqlite:///").partition("?")[0]

    async def set_created_at(self, job_id: int, moment: datetime) -> None:
        """Make a live job as old as that."""
        text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
        zone = "+00" if self.dialect == "postgres" else ""
        await self.rows(f"UPDATE dbjobs.background_job SET created_at = '{text}{zone}' WHERE id = {job_id}")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[CallersConnection]:
        """A connection of the application's own, with a table ``note (text)`` of its own."""
        await self.rows("CREATE TABLE IF NOT EXISTS note (text text)")
        if self.dialect == "postgres":
            connection = await asyncpg.connect(self.url)
            try:
                yield CallersConnection(connection)
            finally:
                await connection.close()
        else:
            file = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            try:
                yield CallersConnection(file)
            finally:
                file.close()

    async def notes(self) -> list[str]:
        """What the application has stored."""
        return [row[0] for row in await self.rows("SELECT text FROM note ORDER BY text")]


class CallersConnection:
    """The same four words on either driver's connection (``driver``)."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    async def execute(self, statement: str) -> None:
        """Run one statement."""
        result = self.driver.execute(statement)
        if not isinstance(self.driver, sqlite3.Connection):
            await result

    async def begin(self) -> None:
        await self.execute("BEGIN IMMEDIATE" if isinstance(self.driver, sqlite3.Connection) else "BEGIN")

    async def commit(self) -> None:
        await self.execute("COMMIT")

    async def rollback(self) -> None:
        await self.execute("ROLLBACK")
