"""Connections to SQLite files: how they are opened, and how they get the write lock."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dbjobs.store.sqlite.errors import is_busy

MINIMUM_VERSION = (3, 40)
_STATEMENTS_CACHED = 300
# Checkpoint after this many pages of log, or this share of the free room: more than SQLite's own default, for fewer
# flushes of the file, unless the disk is small. A log that no longer fits can neither grow nor be moved.
_LOG_PAGES = 4000
_LEAST_LOG_PAGES = 50
_LOG_SHARE = 1 / 16
_PAGE_BYTES = 4096
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

    SQLite's own wait sleeps up to 100 ms at a time, so a process that keeps writing would starve the others. Our pauses
    are short and vary.

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

    It does not wait: a reader in the middle of a statement or a full disk prevents it.

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
    """Call ``work`` again until the file is no longer locked."""
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


def limit_log(connection: sqlite3.Connection) -> None:
    """Set after how many pages the log is moved into the file: few where the disk has little room."""
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        room = shutil.disk_usage(Path(file).parent).free
    except OSError:
        return
    pages = max(_LEAST_LOG_PAGES, min(_LOG_PAGES, int(room * _LOG_SHARE) // _PAGE_BYTES))
    connection.execute(f"PRAGMA wal_autocheckpoint = {pages:d}")
