"""The nodes' leases, in a small file of their own beside the jobs'."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from dbjobs.store.sqlite.connection import connect, make_room, retry_busy
from dbjobs.store.sqlite.errors import translate
from dbjobs.store.statements import Statements

SUFFIX = "-nodes"


class NodesFile:
    """One thread's connection to the file, made when it is needed, and with it the file.

    Each statement commits by itself and holds the file's write lock within one step, in which no other thread of this
    process is waited for. So nothing that starves or stops a process leaves the file locked, and a lease waits for
    nobody who holds the file of the jobs.

    Args:
        main: the file of the jobs.
        statements: the dialect's.
        busy_seconds: how long to wait for another statement.
    """

    def __init__(self, main: Path, statements: Statements, busy_seconds: float) -> None:
        self.path = main.with_name(main.name + SUFFIX)
        self._statements = statements
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def connection(self) -> sqlite3.Connection:
        """The connection; a new one if the file has been removed or replaced.

        Raises:
            DatabaseError: the file cannot be opened.
        """
        if self._connection is not None and self._found() != self._identity:
            self.close()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except sqlite3.Error as error:
                raise translate(error, self.path) from error
            self._identity = self._found()
        return self._connection

    def close(self) -> None:
        """Close it; the last one in any process empties its log."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        settings = self._statements.text("open_nodes")
        connection = connect(self.path, settings, self._busy_seconds, create=True)
        try:
            retry_busy(lambda: connection.execute(self._statements.text("make_nodes")), self._busy_seconds)
            make_room(connection, "PASSIVE")  # its pages are on the disk from here on, should that be full later
        except BaseException:
            connection.close()
            raise
        return connection

    def _found(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_dev, status.st_ino)
