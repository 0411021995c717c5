"""What stands beside an SQLite file: the history, one more file for each month, and the file of the nodes' leases."""

from __future__ import annotations

import os
import re
import sqlite3
from collections import OrderedDict
from pathlib import Path

from dbjobs.errors import DatabaseError
from dbjobs.store.sqlite.connection import begin, connect, make_room
from dbjobs.store.sqlite.errors import translate
from dbjobs.store.sqlite.nodes import NodesFile
from dbjobs.store.sqlite.requests import RequestFiles
from dbjobs.store.sqlite.script import Scripts
from dbjobs.store.statements import Statements

MONTHS_OPEN = 16  # connections that one thread keeps to the files of months
_COMPLETE = 1  # user_version of a file that has all its tables


class HistoryFiles:
    """Where the months of one main file and one schema are.

    Attributes:
        main: the main file.
    """

    def __init__(self, main: Path, schema: str) -> None:
        self.main = main
        self.schema = schema
        self._prefix = f"{main.stem}-history-" + ("" if schema == "dbjobs" else f"{schema}-")
        self._name = re.compile(re.escape(self._prefix) + r"(\d{6})" + re.escape(main.suffix))

    def path(self, month: str) -> Path:
        """The file of a month."""
        return self.main.with_name(f"{self._prefix}{month}{self.main.suffix}")

    def months(self) -> list[str]:
        """Months that have a file, as 'YYYYMM', newest first."""
        found = (self._name.fullmatch(file.name) for file in self.main.parent.iterdir())
        return sorted((match[1] for match in found if match), reverse=True)


class History:
    """One thread's connections to the files of the history; each has the main file attached as ``live``.

    Args:
        files: where they are.
        statements, scripts: the dialect's.
        busy_seconds: how long to wait for a lock.
    """

    def __init__(self, files: HistoryFiles, statements: Statements, scripts: Scripts, busy_seconds: float) -> None:
        self._files = files
        self._statements = statements
        self._scripts = scripts
        self._busy_seconds = busy_seconds
        # month -> connection and the identity of its file: another process may have dropped the month.
        self._nodes = NodesFile(files.main, statements, busy_seconds)
        self.request_files = RequestFiles(files.main, files.schema, statements, busy_seconds)
        self._has_schema = False
        self._open: OrderedDict[str, tuple[sqlite3.Connection, tuple[int, int]]] = OrderedDict()

    def names(self) -> list[str]:
        return self._files.months()

    def connection(self, month: str) -> sqlite3.Connection | None:
        path = self._files.path(month)
        known = self._open.get(month)
        try:
            status = path.stat()
        except FileNotFoundError:
            self._forget(month)
            return None
        identity = (status.st_dev, status.st_ino)
        if known is not None and known[1] == identity:
            self._open.move_to_end(month)
            return known[0]
        self._forget(month)
        connection = self._connect(path, create=False)
        if connection.execute("PRAGMA user_version").fetchone()[0] < _COMPLETE:
            connection.close()
            return None
        self._open[month] = (connection, identity)
        if len(self._open) > MONTHS_OPEN:
            self._forget(next(iter(self._open)))
        return connection

    def nodes(self) -> sqlite3.Connection:
        return self._nodes.connection()

    def request_names(self) -> list[str]:
        return self.request_files.months()

    def requests(self, month: str) -> sqlite3.Connection | None:
        return self.request_files.connection(month)

    def make(self, month: str) -> sqlite3.Connection:
        """A connection to the file of a month, made now if there is none. The caller holds the write lock."""
        connection = self.connection(month)
        if connection is None:
            path = self._files.path(month)
            made = self._connect(path, create=True)
            try:
                # Not IMMEDIATE: that would ask for the lock of the attached main file too, which we hold.
                made.executescript(f"BEGIN;{self._statements.text('make_partition')};COMMIT")
            finally:
                made.close()
            _sync(path.parent)
            connection = self.connection(month)
            if connection is None:
                raise DatabaseError(f"{path} was created a moment ago and has vanished")
        return connection

    def drop(self, month: str) -> None:
        """Delete a month's file. The caller holds the write lock."""
        self._forget(month)
        path = self._files.path(month)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def archive(self, main: sqlite3.Connection) -> bool:
        """Copy what has ended to the files of its months, then forget it in the main file; False if there was none.

        The months are committed first: after a crash in between a job is in both places, the main file
        outweighs the month, and the next run copies it again.

        Raises:
            sqlite3.Error: nothing is lost, the next run copies it again.
        """
        script = self._scripts.script
        if not self._has_schema:
            self._has_schema = bool(script("has_schema").run(main, self, {})[0][0])
        if not self._has_schema or not script("has_unarchived").run(main, self, {}):
            return False
        copy, note = script("archive_month"), script("note_archived")
        begin(main, self._busy_seconds)
        try:
            for (month,) in script("find_unarchived").run(main, self, {}):
                connection = self.make(month)
                connection.execute("BEGIN")  # not IMMEDIATE, see above
                try:
                    copy.run(connection, self, {"month": month})
                    connection.execute("COMMIT")
                except BaseException:
                    connection.rollback()
                    raise
                note.run(main, self, {"month": month})
            script("forget_archived").run(main, self, {})
            main.execute("COMMIT")
        except BaseException:
            main.rollback()
            raise
        return True

    def make_room(self) -> None:
        """The disk is full: truncate the write-ahead logs of the months."""
        for connection, _ in self._open.values():
            make_room(connection)

    def close(self) -> None:
        """Close all connections; the last one to a file empties its log."""
        self._nodes.close()
        self.request_files.close()
        while self._open:
            self._forget(next(iter(self._open)))

    def _connect(self, path: Path, *, create: bool) -> sqlite3.Connection:
        try:
            connection = connect(path, self._statements.text("open_connection"), self._busy_seconds, create=create)
            connection.execute("ATTACH DATABASE ? AS live", (str(self._files.main),))
        except sqlite3.Error as error:
            raise translate(error, path) from error
        return connection

    def _forget(self, month: str) -> None:
        known = self._open.pop(month, None)
        if known is not None:
            known[0].close()


def _sync(folder: Path) -> None:
    """Make the name of a new file durable: the main file forgets what that file has (Windows needs no such thing)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
