"""asyncpg."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.conformance.drivers.driver import Driver


class Postgres(Driver):
    utc = "+00"

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.connection() as connection:
            return [tuple(row) for row in await connection.fetch(statement)]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()

    async def somebody_waits_for_a_lock(self) -> bool:
        return bool(await self.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

    async def somebody_is_in_a_transaction(self) -> bool:
        return bool(
            await self.rows(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            )
        )

    async def drop_connections(self) -> None:
        await self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    async def make_user(self, name: str, password: str) -> str:
        await self.rows(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        return self.url_of(name, password)

    async def let_read(self, name: str) -> None:
        await self.rows(f"GRANT USAGE ON SCHEMA dbjobs TO {name}")
        await self.rows(f"GRANT SELECT ON ALL TABLES IN SCHEMA dbjobs TO {name}")

    async def drop_user(self, name: str) -> None:
        await self.rows(f"DROP OWNED BY {name}")
        await self.rows(f"DROP ROLE {name}")
