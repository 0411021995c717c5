"""The database past the library: what a test must change or look at by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.drivers import DRIVERS, driver_of


class Raw:
    """A bare connection for each call.

    Statements are written for PostgreSQL's names (``dbjobs.background_job``); where there is no schema of our
    own, it is a prefix (SQLite, MySQL).
    """

    def __init__(self, dialect: str, url: str) -> None:
        self.dialect = dialect
        self.url = url
        self._driver = DRIVERS[dialect](url)

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement and commit it; its rows."""
        return await self._driver.rows(statement)

    @property
    def path(self) -> str:
        """SQLite's main file."""
        return self.url.removeprefix("sqlite:///").partition("?")[0]

    async def set_created_at(self, job_id: int, moment: datetime) -> None:
        """Make a live job as old as that."""
        text = moment.strftime("%Y-%m-%d %H:%M:%S.%f") + self._driver.utc
        await self.rows(f"UPDATE dbjobs.background_job SET created_at = '{text}' WHERE id = {job_id}")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[CallersConnection]:
        """A connection of the application's own, with a table ``note (text)`` of its own."""
        await self.rows(self._driver.make_note)
        async with self._driver.connection() as connection:
            yield CallersConnection(connection)

    async def notes(self) -> list[str]:
        """What the application has stored."""
        return [row[0] for row in await self.rows("SELECT text FROM note ORDER BY text")]

    async def somebody_waits_for_a_lock(self) -> bool:
        """Whether a statement is held up by another connection's transaction."""
        return await self._driver.somebody_waits_for_a_lock()

    async def somebody_is_in_a_transaction(self) -> bool:
        """Whether some connection has begun one and neither committed nor rolled it back yet."""
        return await self._driver.somebody_is_in_a_transaction()

    async def drop_connections(self) -> None:
        """End every other session on this database, as an administrator or a failing network would."""
        await self._driver.drop_connections()

    def powerless(self) -> str:
        """The name of a user who does not exist yet; ``make_user`` makes one."""
        return "dbjobs_powerless_" + urlsplit(self.url).path.rpartition("/")[2][-20:]

    async def make_user(self, name: str, password: str) -> str:
        """Make a user who may connect to this database and nothing more; the URL of one."""
        return await self._driver.make_user(name, password)

    async def let_read(self, name: str) -> None:
        """Let a user read all of the library's tables."""
        await self._driver.let_read(name)

    async def drop_user(self, name: str) -> None:
        """Remove a user with all of its rights."""
        await self._driver.drop_user(name)


class CallersConnection:
    """The same four words on any driver's connection (``driver``)."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._words = driver_of(driver)

    async def execute(self, statement: str) -> None:
        """Run one statement."""
        await self._words.execute(self.driver, statement)

    async def begin(self) -> None:
        await self._words.begin(self.driver)

    async def commit(self) -> None:
        await self._words.commit(self.driver)

    async def rollback(self) -> None:
        await self._words.rollback(self.driver)
