"""sqlite3's exceptions as ours, and what they say of the connection."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from dbjobs.errors import DatabaseError, DatabaseUnavailable, DataRefused, MissingPermission, TransactionConflict

# A value of another type than its STRICT column; Python 3.11 has no name for it.
_CONSTRAINT_DATATYPE = sqlite3.SQLITE_CONSTRAINT | 12 << 8
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
        return DatabaseUnavailable(f"{path} is not a valid SQLite file: {error}")
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
