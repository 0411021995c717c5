"""aiomysql, on MySQL and MariaDB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomysql

from tests.conformance.drivers.driver import Driver, with_prefix
from tests.servers.databases import mysql_arguments


class Mysql(Driver):
    """MySQL and MariaDB."""

    # The database may have another character set than ours; what the application writes is its own affair.
    make_note = f"{Driver.make_note} CHARACTER SET utf8mb4"

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        # aiomysql turns the server's notes and warnings ("Table 'note' already exists") into Python's.
        connection = await aiomysql.connect(
            **mysql_arguments(self.url), autocommit=True, init_command="SET max_error_count = 0"
        )
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(with_prefix(statement))
                return list(await cursor.fetchall())
        finally:
            await connection.ensure_closed()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await aiomysql.connect(**mysql_arguments(self.url))
        try:
            yield connection
        finally:
            await connection.ensure_closed()

    async def somebody_waits_for_a_lock(self) -> bool:
        return "LOCK WAIT" in await self._transaction_states()

    async def somebody_is_in_a_transaction(self) -> bool:
        return bool(await self._transaction_states())

    async def _transaction_states(self) -> list[str]:
        # InnoDB takes a new picture only when nobody has looked for 100 ms.
        await asyncio.sleep(0.11)
        transactions = await self.rows("SELECT trx_mysql_thread_id, trx_state FROM information_schema.INNODB_TRX")
        sessions = await self._sessions()
        return [state for session, state in transactions if session in sessions]

    async def _sessions(self) -> set[int]:
        """The sessions on this database."""
        database = mysql_arguments(self.url)["db"]
        return {row[0] for row in await self.rows("SHOW PROCESSLIST") if row[3] == database}

    async def drop_connections(self) -> None:
        for session in await self._sessions():
            try:
                await self.rows(f"KILL CONNECTION {session}")
            except aiomysql.OperationalError as error:
                if error.args[0] != 1094:  # unknown thread: it has ended by itself
                    raise

    async def make_user(self, name: str, password: str) -> str:
        name = name[-32:]
        await self.rows(f"CREATE USER {name} IDENTIFIED BY '{password}'")
        # To be let into a database one needs some right in it.
        await self.rows(f"GRANT SHOW VIEW ON `{mysql_arguments(self.url)['db']}`.* TO {name}")
        return self.url_of(name, password)

    async def let_read(self, name: str) -> None:
        await self.rows(f"GRANT SELECT ON `{mysql_arguments(self.url)['db']}`.* TO {name[-32:]}")

    async def drop_user(self, name: str) -> None:
        await self.rows(f"DROP USER {name[-32:]}")

    @staticmethod
    async def execute(connection: Any, statement: str) -> None:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
