"""aioodbc, on SQL Server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conformance.drivers.driver import Driver


class SqlServer(Driver):
    utc = " +00:00"
    make_note = "IF OBJECT_ID('note') IS NULL CREATE TABLE note (text nvarchar(400))"

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self._connected(autocommit=True) as connection, connection.cursor() as cursor:
            await cursor.execute(statement)
            return [tuple(row) for row in await cursor.fetchall()] if cursor.description else []

    @asynccontextmanager
    async def _connected(self, autocommit: bool) -> AsyncIterator[Any]:
        import aioodbc

        from tests.servers.sqlserver import odbc_string

        connection = await aioodbc.connect(dsn=odbc_string(self.url), autocommit=autocommit)
        try:
            yield connection
        finally:
            await connection.close()

    def connection(self) -> Any:
        return self._connected(autocommit=False)

    async def somebody_waits_for_a_lock(self) -> bool:
        return bool(
            # The old view, because Babelfish has it and sys.dm_exec_requests not.
            await self.rows("SELECT 1 FROM sys.sysprocesses WHERE blocked <> 0 AND dbid = DB_ID()")
        )

    async def somebody_is_in_a_transaction(self) -> bool:
        return bool(
            await self.rows(
                "SELECT 1 FROM sys.dm_exec_sessions"
                " WHERE database_id = DB_ID() AND session_id <> @@SPID AND open_transaction_count > 0"
            )
        )

    async def drop_connections(self) -> None:
        for (session,) in await self.rows(
            "SELECT session_id FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND session_id <> @@SPID"
        ):
            await self.rows(f"KILL {session}")

    async def make_user(self, name: str, password: str) -> str:
        await self.rows(f"CREATE LOGIN {name} WITH PASSWORD = '{password}'")
        await self.rows(f"CREATE USER {name} FOR LOGIN {name}")
        return self.url_of(name, password)

    async def let_read(self, name: str) -> None:
        await self.rows(f"GRANT SELECT ON SCHEMA::dbjobs TO {name}")

    async def drop_user(self, name: str) -> None:
        # Babelfish drops no user who has been granted something.
        await self.rows(f"IF SCHEMA_ID('dbjobs') IS NOT NULL REVOKE SELECT ON SCHEMA::dbjobs FROM {name}")
        await self.rows(f"DROP USER {name}")
        await self.rows(f"DROP LOGIN {name}")

    @staticmethod
    async def execute(connection: Any, statement: str) -> None:
        cursor = await connection.cursor()  # not `async with`, which commits at the end of its block
        await cursor.execute(statement)
        await cursor.close()

    # A connection that is not in autocommit begins by itself, with the first statement.

    @classmethod
    async def begin(cls, connection: Any) -> None:
        pass

    @classmethod
    async def commit(cls, connection: Any) -> None:
        await connection.commit()

    @classmethod
    async def rollback(cls, connection: Any) -> None:
        await connection.rollback()
