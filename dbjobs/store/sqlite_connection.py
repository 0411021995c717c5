"""Connections to SQLite files: how they are opened, and what their errors mean."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from dbjobs.errors import DatabaseError, DatabaseUnavailable, DataRefused, MissingPermission, TransactionConflict

MINIMUM_VERSION = (3, 40)
_STATEMENTS_CACHED = 300
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


def translate(error: sqlite3.Error, path: Path) -> DatabaseError:
    """SQLite's error as one of ours, naming the file."""
    code = _code(error)
    if is_busy(error):
        return TransactionConflict(f"{path}: {error}: another process or thread holds the write lock")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return MissingPermission(f"{path}: {error}; this user must be able to write the file and its folder")
    if code == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(path, error)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnavailable(f"{path} is not a sound SQLite file: {error}")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return DatabaseUnavailable(f"{path}: {error}")
    if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH) or (code is None and "binding parameter" in str(error)):
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
