"""The request log: one file for each month, beside the file of the jobs, whose write lock it never takes."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from dbjobs.store.sqlite.connection import connect
from dbjobs.store.sqlite.errors import translate
from dbjobs.store.statements import Statements

_COMPLETE = 1  # user_version of a file that has all its tables


class RequestFiles:
    """One thread's connections to the months of the request log.

    Args:
        main: the file of the jobs.
        schema: whose months these are; it is part of their names.
        statements: the dialect's.
        busy_seconds: how long to wait for another writer.
    """

    def __init__(self, main: Path, schema: str, statements: Statements, busy_seconds: float) -> None:
        self._main = main
        self._prefix = f"{main.stem}-requests-" + ("" if schema == "dbjobs" else f"{schema}-")
        self._name = re.compile(re.escape(self._prefix) + r"(\d{6})" + re.escape(main.suffix))
        self._statements = statements
        self._busy_seconds = busy_seconds
        # month -> connection and the identity of its file: another process may have dropped the month.
        self._open: dict[str, tuple[sqlite3.Connection, tuple[int, int]]] = {}

    def path(self, month: str) -> Path:
        """The file of a month."""
        return self._main.with_name(f"{self._prefix}{month}{self._main.suffix}")

    def months(self) -> list[str]:
        """Months that have a file, as 'YYYYMM', newest first."""
        found = (self._name.fullmatch(file.name) for file in self._main.parent.iterdir())
        return sorted((match[1] for match in found if match), reverse=True)

    def connection(self, month: str) -> sqlite3.Connection | None:
        """A connection to the file of a month; None if there is no such file, or it is being made.

        Raises:
            DatabaseError: the file cannot be opened.
        """
        path = self.path(month)
        try:
            status = path.stat()
        except FileNotFoundError:
            self._forget(month)
            return None
        identity = (status.st_dev, status.st_ino)
        known = self._open.get(month)
        if known is not None and known[1] == identity:
            return known[0]
        self._forget(month)
        connection = self._connect(path, create=False)
        if connection.execute("PRAGMA user_version").fetchone()[0] < _COMPLETE:
            connection.close()
            return None
        self._open[month] = (connection, identity)
        return connection

    def make(self, month: str) -> None:
        """Make the file of a month if there is none. The caller holds the write lock of the jobs' file."""
        if self.connection(month) is None:
            made = self._connect(self.path(month), create=True)
            try:
                made.executescript(f"BEGIN IMMEDIATE;{self._statements.text('make_request_month')};COMMIT")
            finally:
                made.close()

    def drop(self, month: str) -> None:
        """Remove the file of a month. The caller holds the write lock of the jobs' file."""
        self._forget(month)
        path = self.path(month)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Close all connections; the last one to a file empties its log."""
        for month in list(self._open):
            self._forget(month)

    def _connect(self, path: Path, *, create: bool) -> sqlite3.Connection:
        try:
            return connect(path, self._statements.text("open_connection"), self._busy_seconds, create=create)
        except sqlite3.Error as error:
            raise translate(error, path) from error

    def _forget(self, month: str) -> None:
        known = self._open.pop(month, None)
        if known is not None:
            known[0].close()
