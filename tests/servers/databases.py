"""Fresh databases on any server, ours or the user's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import asyncpg
import pymysql
import pymysql.cursors

CONNECT_TIMEOUT_SECONDS = 10


class Administration(Protocol):
    """Making and dropping databases on one kind of server; each call is a connection of its own."""

    def create(self, server_url: str, name: str) -> None: ...

    def drop(self, server_url: str, name: str) -> None:
        """Remove a database, ending the sessions that a failed test may have left in it."""
        ...

    def version(self, server_url: str) -> str: ...


class PostgresAdministration:
    def create(self, server_url: str, name: str) -> None:
        # template0 holds nothing that an administrator may have added to template1.
        self._run(server_url, lambda connection: connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'))

    def drop(self, server_url: str, name: str) -> None:
        self._run(server_url, lambda connection: connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def version(self, server_url: str) -> str:
        answer = str(self._run(server_url, lambda connection: connection.fetchval("SHOW server_version")))
        return answer.split()[0]

    def execute(self, server_url: str, statement: str) -> None:
        """Run one statement outside of a transaction."""
        self._run(server_url, lambda connection: connection.execute(statement))

    def _run(self, url: str, work: Callable[[asyncpg.Connection[Any]], Awaitable[Any]]) -> Any:
        """Connect, do ``work`` and close, in a thread: the calling test may be running an event loop."""

        async def connect_and_work() -> Any:
            connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
            try:
                return await work(connection)
            finally:
                await connection.close()

        with ThreadPoolExecutor(max_workers=1) as threads:
            return threads.submit(asyncio.run, connect_and_work()).result()


class MysqlAdministration:
    """MySQL and MariaDB."""

    def create(self, server_url: str, name: str) -> None:
        with self._cursor(server_url) as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def drop(self, server_url: str, name: str) -> None:
        with self._cursor(server_url) as cursor:
            # A session that is still in there would keep its tables locked, and DROP DATABASE would wait.
            cursor.execute("SHOW PROCESSLIST")
            for session in cursor.fetchall():
                if session[3] == name:
                    _kill(cursor, session[0])
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def version(self, server_url: str) -> str:
        with self._cursor(server_url) as cursor:
            cursor.execute("SELECT VERSION()")
            row = cursor.fetchone()
        assert row is not None
        return str(row[0]).partition("-")[0]

    @contextmanager
    def _cursor(self, url: str) -> Iterator[pymysql.cursors.Cursor]:
        with pymysql.connect(**mysql_arguments(url), connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            yield connection.cursor()


def _kill(cursor: pymysql.cursors.Cursor, session: int) -> None:
    try:
        cursor.execute(f"KILL CONNECTION {session}")
    except pymysql.err.OperationalError as error:
        if error.args[0] != 1094:  # unknown thread: it has just ended by itself
            raise


def create_database(server_url: str, name: str) -> str:
    """Make an empty database on the server that ``server_url`` points to, and return its URL."""
    _administration(server_url).create(server_url, name)
    return database_url(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Remove a database, ending the sessions that a failed test may have left in it."""
    _administration(server_url).drop(server_url, name)


def server_version(server_url: str) -> str:
    """Return the server's version, for example ``"18.6"``."""
    return _administration(server_url).version(server_url)


def database_url(server_url: str, name: str) -> str:
    """Return ``server_url`` with another database name."""
    _maker(server_url)
    match = re.fullmatch(r"(\w+(?:\+\w+)?://[^/?#]*)(?:/[^?#]*)?(.*)", server_url)
    if match is None:
        raise ValueError("a server's URL looks like scheme://user:password@host:port/database")
    return f"{match[1]}/{name}{match[2]}"


def mysql_arguments(url: str) -> dict[str, Any]:
    """What pymysql's and aiomysql's ``connect`` want for this URL."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
        # aiomysql calls it `db`, and so may pymysql.
        "db": parts.path.strip("/") or None,
        "charset": "utf8mb4",
    }


def _sqlserver() -> Administration:
    from tests.servers.sqlserver import SqlServerAdministration  # its driver needs a library that may be missing here

    return SqlServerAdministration()


_ADMINISTRATIONS: dict[str, Callable[[], Administration]] = {
    "postgresql": PostgresAdministration,
    "postgres": PostgresAdministration,
    "mysql": MysqlAdministration,
    "mariadb": MysqlAdministration,
    "mssql": _sqlserver,
}


def _administration(url: str) -> Administration:
    return _maker(url)()


def _maker(url: str) -> Callable[[], Administration]:
    """What administers the server of a URL, not made yet: its driver may be missing here."""
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme not in _ADMINISTRATIONS:
        expected = ", ".join(f"{known}://" for known in _ADMINISTRATIONS)
        # Not the URL itself: it may hold a password.
        raise ValueError(f"{scheme!r} is not the scheme of a server's URL; expected one of {expected}")
    return _ADMINISTRATIONS[scheme]
