"""One class for each driver: what ``Raw`` does, in that driver's and that database's words."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomysql
import asyncpg

from tests.servers.databases import mysql_arguments, odbc_string


class Driver:
    """What the four have in common.

    Attributes:
        utc: what follows a time in UTC in a literal.
        make_note: makes the application's own table.
    """

    utc = ""
    make_note = "CREATE TABLE IF NOT EXISTS note (text text)"

    def __init__(self, url: str) -> None:
        self.url = url

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def connection(self) -> Any:
        """An application's own connection, as an asynchronous context."""
        raise NotImplementedError

    async def somebody_waits_for_a_lock(self) -> bool:
        raise NotImplementedError

    async def somebody_is_in_a_transaction(self) -> bool:
        raise NotImplementedError

    async def drop_connections(self) -> None:
        raise NotImplementedError

    async def make_user(self, name: str, password: str) -> str:
        raise NotImplementedError

    async def let_read(self, name: str) -> None:
        raise NotImplementedError

    async def drop_user(self, name: str) -> None:
        raise NotImplementedError

    def url_of(self, name: str, password: str) -> str:
        """This database's URL for another user."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()

    @staticmethod
    async def execute(connection: Any, statement: str) -> None:
        await connection.execute(statement)

    @classmethod
    async def begin(cls, connection: Any) -> None:
        await cls.execute(connection, "BEGIN")

    @classmethod
    async def commit(cls, connection: Any) -> None:
        await cls.execute(connection, "COMMIT")

    @classmethod
    async def rollback(cls, connection: Any) -> None:
        await cls.execute(connection, "ROLLBACK")


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


class Sqlite(Driver):
    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        file = sqlite3.connect(self._path, timeout=10)
        try:
            rows = file.execute(_with_prefix(statement)).fetchall()
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
                await cursor.execute(_with_prefix(statement))
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
        with warnings.catch_warnings(
            action="ignore"
        ):  # MySQL 9 deprecates this statement, and its successor may be off
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

        connection = await aioodbc.connect(dsn=odbc_string(self.url), autocommit=autocommit)
        try:
            yield connection
        finally:
            await connection.close()

    def connection(self) -> Any:
        return self._connected(autocommit=False)

    async def somebody_waits_for_a_lock(self) -> bool:
        return bool(
            await self.rows(
                "SELECT 1 FROM sys.dm_exec_requests WHERE blocking_session_id <> 0 AND database_id = DB_ID()"
            )
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
        await self.rows(f"CREATE LOGIN {name} WITH PASSWORD = '{password}', CHECK_POLICY = OFF")
        await self.rows(f"CREATE USER {name} FOR LOGIN {name}")
        return self.url_of(name, password)

    async def let_read(self, name: str) -> None:
        await self.rows(f"GRANT SELECT ON SCHEMA::dbjobs TO {name}")

    async def drop_user(self, name: str) -> None:
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


DRIVERS: dict[str, type[Driver]] = {
    "postgres": Postgres,
    "sqlite": Sqlite,
    "mysql": Mysql,
    "sqlserver": SqlServer,
}


def driver_of(connection: Any) -> type[Driver]:
    """The class whose words this driver's connection understands."""
    if isinstance(connection, sqlite3.Connection):
        return Sqlite
    package = type(connection).__module__.partition(".")[0]
    return {"aiomysql": Mysql, "asyncmy": Mysql, "aioodbc": SqlServer}.get(package, Postgres)


def _with_prefix(statement: str) -> str:
    return re.sub(r"\bdbjobs\.", "dbjobs_", statement)
