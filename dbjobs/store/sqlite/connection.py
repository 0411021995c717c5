"""Connections to SQLite files: how they are opened, and what their errors mean."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dbjobs.errors import DatabaseError, DatabaseUnavailable, DataRefused, MissingPermission, TransactionConflict

MINIMUM_VERSION = (3, 40)
# A value of another type than its STRICT column; Python 3.11 has no name for it.
_CONSTRAINT_DATATYPE = sqlite3.SQLITE_CONSTRAINT | 12 << 8
_STATEMENTS_CACHED = 300
# Checkpoint after this many pages of log, or this share of the free room: more than SQLite's own default, for fewer
# flushes of the file, unless the disk is small. A log that no longer fits can neither grow nor be moved.
_LOG_PAGES = 4000
_LEAST_LOG_PAGES = 50
_LOG_SHARE = 1 / 16
_PAGE_BYTES = 4096
# The disk is full, fails, or has no more memory, descriptors or locks to give: nothing that a job could help.
_UNAVAILABLE = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_SCHEMA,
})  # fmt: skip
_BROKEN = frozenset({
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_MISUSE,
    sqlite3.SQLITE_INTERNAL,
})  # fmt: skip
# Pauses between two tries to get a lock: short at first, to meet the moment in which a busy writer rests.
_IMPATIENT_SECONDS = 0.1
_SHORT_WAIT_SECONDS = 0.0002
_LONG_WAIT_SECONDS = 0.001


def connect(path: Path, settings: str, busy_seconds: float, *, create: bool) -> sqlite3.Connection:
    """Open a file for the calling thread and run ``settings`` on the connection.

    Args:
        path: absolute path of the file.
        settings: the PRAGMAs, one statement a line.
        busy_seconds: how long a statement waits for a lock that another process holds.
        create: make the file if there is none.

    Raises:
        sqlite3.Error: see ``translate``.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        cached_statements=_STATEMENTS_CACHED,
    )
    try:
        limit_log(connection)
        # The switch to WAL mode does not wait for other connections by itself.
        retry_busy(lambda: connection.executescript(settings), busy_seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Start a transaction that may write, after waiting for the file's one write lock.

    SQLite's own waiting sleeps up to 100 ms at a time, so a process that writes all the time would starve the
    others: ours are short, and differ.

    Raises:
        sqlite3.OperationalError: still locked after ``busy_seconds``.
    """
    retry_busy(lambda: connection.execute("BEGIN IMMEDIATE"), busy_seconds)


def roll_back(connection: sqlite3.Connection) -> None:
    """Leave no transaction open; an error here adds nothing to the one before it."""
    with suppress(sqlite3.Error):
        connection.rollback()


def make_room(connection: sqlite3.Connection, mode: str = "TRUNCATE") -> bool:
    """Move the log into the file and cut it off; False if that cannot be done now.

    It waits for nobody: a reader in the middle of a statement, or a disk that is too full for that, is in the way.

    Args:
        mode: or RESTART: the log keeps its size and is written over.
    """
    timeout = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        return int(connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]) == 0
    except sqlite3.Error:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout:d}")


def retry_busy(work: Callable[[], object], busy_seconds: float) -> None:
    """Call ``work`` until the file is not locked."""
    began = time.monotonic()
    while True:
        try:
            work()
            return
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if not is_busy(error) or waited > busy_seconds:
                raise
        longest = _SHORT_WAIT_SECONDS if waited < _IMPATIENT_SECONDS else _LONG_WAIT_SECONDS
        time.sleep(random.uniform(longest / 4, longest))


def is_busy(error: sqlite3.Error) -> bool:
    """True if a lock of another connection was in the way."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_full(error: BaseException) -> bool:
    """True if there is no room: on the disk, or for this user."""
    return isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_FULL


def is_broken(error: BaseException) -> bool:
    """True if a connection had better be replaced after this: the file or the disk below it has failed."""
    if isinstance(error, sqlite3.Error):
        return _code(error) in _BROKEN
    return not isinstance(error, Exception)


def limit_log(connection: sqlite3.Connection) -> None:
    """Set after how many pages the log is moved into the file: few where the disk has little room."""
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        room = shutil.disk_usage(Path(file).parent).free
    except OSError:
        return
    pages = max(_LEAST_LOG_PAGES, min(_LOG_PAGES, int(room * _LOG_SHARE) // _PAGE_BYTES))
    connection.execute(f"PRAGMA wal_autocheckpoint = {pages:d}")


def translate(error: sqlite3.Error, path: Path, *, opening: bool = False) -> DatabaseError:
    """SQLite's error as one of ours, naming the file.

    Args:
        opening: the file has just been opened for the first time: what is not allowed now never was. Later, a file that
            may not be written is one that cannot be written for the moment.
    """
    code = _code(error)
    if is_busy(error):
        return TransactionConflict(f"{path}: {error}: another process or thread holds the write lock")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        kind = MissingPermission if opening else DatabaseUnavailable
        return kind(f"{path}: {error}; this user must be able to write the file and its folder")
    if code == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(path, error)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnavailable(f"{path} is not a sound SQLite file: {error}")
    if code in _UNAVAILABLE:
        return DatabaseUnavailable(f"{path}: {error}")
    if (
        code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH)
        or getattr(error, "sqlite_errorcode", None) == _CONSTRAINT_DATATYPE
        or (code is None and "binding parameter" in str(error))
    ):
        return DataRefused(f"{path}: {type(error).__name__}: {error}")
    return DatabaseError(f"{path}: {type(error).__name__}: {error}")


def _cannot_open(path: Path, error: sqlite3.Error) -> DatabaseError:
    folder = path.parent
    if not folder.is_dir():
        return DatabaseUnavailable(f"{path}: the folder {folder} does not exist")
    if path.is_dir():
        return DatabaseUnavailable(f"{path} is a folder, not a file")
    if not os.access(folder, os.W_OK):
        return MissingPermission(f"{path}: this user may not write in the folder {folder}")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return MissingPermission(f"{path}: this user may not read and write the file")
    return DatabaseUnavailable(f"{path}: {error}")


def _code(error: sqlite3.Error) -> int | None:
    """The primary error code; None for errors of the Python module itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
