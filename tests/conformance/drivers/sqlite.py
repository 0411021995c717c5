"""sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.conformance.drivers.driver import Driver, with_prefix


class Sqlite(Driver):
    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        file = sqlite3.connect(self._path, timeout=10)
        try:
            # The nodes' leases have a file of their own; a name without a schema is looked for in both.
            if Path(f"{self._path}-nodes").exists():  # noqa: ASYNC240
                file.execute("ATTACH ? AS nodes", (f"{self._path}-nodes",))
            rows = file.execute(with_prefix(statement)).fetchall()
            file.commit()
            return rows
        finally:
            file.close()

    @property
    def _path(self) -> str:
        return self.url.removeprefix("sqlite:///").partition("?")[0]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        file = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            yield file
        finally:
            file.close()

    async def somebody_is_in_a_transaction(self) -> bool:
        for path in Path(self._path).parent.glob("*.db"):
            file = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                file.execute("BEGIN IMMEDIATE")
                file.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return True
            finally:
                file.close()
        return False

    @staticmethod
    async def execute(connection: Any, statement: str) -> None:
        connection.execute(statement)

    @classmethod
    async def begin(cls, connection: Any) -> None:
        await cls.execute(connection, "BEGIN IMMEDIATE")
