"""Fresh databases on a server that speaks SQL Server's protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pyodbc

from dbjobs.store.sqlserver import url as sqlserver_url
from dbjobs.store.sqlserver.driver import find_driver
from tests.servers.databases import CONNECT_TIMEOUT_SECONDS
from tests.servers.fleet import BABELFISH

PATIENCE_SECONDS = 10
# Somebody else makes a database at this moment: on SQL Server (1807: it locks the model database), on Babelfish.
_BUSY = ("(1807)", "concurrently updated")


class SqlServerAdministration:
    """SQL Server, and Babelfish, which has no ALTER DATABASE to throw everybody out with."""

    def create(self, server_url: str, name: str) -> None:
        with self._connected(server_url) as connection:
            _insist(
                lambda: connection.execute(f"CREATE DATABASE [{name}]"),
                lambda error: any(sign in str(error) for sign in _BUSY),
            )
            with suppress(pyodbc.Error):  # Babelfish has no such statement, and needs none
                connection.execute(f"ALTER DATABASE [{name}] SET ALLOW_SNAPSHOT_ISOLATION ON")

    def drop(self, server_url: str, name: str) -> None:
        with self._connected(server_url) as connection:

            def drop() -> None:
                for (session,) in connection.execute(
                    "SELECT session_id FROM sys.dm_exec_sessions WHERE database_id = DB_ID(?)", name
                ).fetchall():
                    with suppress(pyodbc.Error):  # it has just ended by itself
                        connection.execute(f"KILL {session}")
                connection.execute(f"DROP DATABASE IF EXISTS [{name}]")

            _insist(drop, lambda error: True)  # a session that was killed is still rolling back

    def version(self, server_url: str) -> str:
        """Babelfish's own version too, with its name before it."""
        with self._connected(server_url) as connection:
            row = connection.execute(
                "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(40)),"
                " CAST(SERVERPROPERTY('BabelfishVersion') AS nvarchar(40))"
            ).fetchone()
        assert row is not None
        return f"{BABELFISH} {row[1]}" if row[1] else str(row[0])

    @contextmanager
    def _connected(self, url: str) -> Iterator[pyodbc.Connection]:
        connection = pyodbc.connect(odbc_string(url), timeout=CONNECT_TIMEOUT_SECONDS, autocommit=True)
        try:
            yield connection
        finally:
            connection.close()


def _insist(work: Callable[[], object], is_passing: Callable[[pyodbc.Error], bool]) -> None:
    """Do it, again and again while it fails for a reason that passes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            work()
            return
        except pyodbc.Error as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def odbc_string(url: str) -> str:
    """The connection string that pyodbc wants for a URL of SQL Server."""
    target = sqlserver_url.parse(url)
    return sqlserver_url.connection_string(target, target.driver or find_driver())
