"""pyodbc's exceptions as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyodbc

from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    DataRefused,
    LockTimeout,
    MissingDriver,
    MissingPermission,
    PartitionMissing,
    TransactionConflict,
)

# Numbers of SQL Server's errors. A violated key is a conflict: every statement of ours looks before it inserts, so it
# means that somebody was faster, and the next try finds what they wrote.
_CONFLICTS = {
    1205,  # chosen as deadlock victim
    1222,  # lock request time out
    1204,  # no more locks
    3935, 3960, 3961, 3966,  # snapshot isolation: an update conflict, changed metadata, rolled back
    41301, 41302, 41305, 41325, 41839,  # the same for memory-optimized tables
    3930,  # a transaction that can only be rolled back: what doomed it was reported before
    601,  # a look without locks met rows on the move
    50002,  # thrown by our own statements: somebody else holds an application lock
    2601, 2627,  # a duplicate key
}  # fmt: skip
_LOCK_TIMEOUT = 1222
_PERMISSIONS = {
    229, 230, 262, 300,  # denied on an object, a column, a statement; missing at the server
    297, 1088, 2104, 2760, 15151, 15247,  # "... or you do not have permission"
}  # fmt: skip
_SESSION_ENDED = {
    233, 10053, 10054, 10060, 10061, 64, 121,  # the network
    596, 6005, 6006, 17142, 17147, 17148,  # the session was killed; the server is stopping
}  # fmt: skip
_UNAVAILABLE = _SESSION_ENDED | {
    4060, 18401, 18451, 18452, 18456, 18470, 916,  # the login, or the database, is refused
    701, 8645, 8651,  # no memory at the moment
    976, 978, 979, 982, 983, 35250,  # a replica that takes no connections now
    904, 921, 922, 927, 945, 952, 3906, 3908,  # a database that is starting, restoring, offline or read-only
    1101, 1105, 9002,  # no room on a disk or in the log
    40143, 40197, 40501, 40540, 40613, 10928, 10929, 49918, 49919, 49920,  # Azure: busy, moving, throttled
}  # fmt: skip
_UNAVAILABLE_STATES = ("08", "28", "HYT", "57P")
# Too long for its column, out of range, not what it is converted to, no JSON, larger than a row may be.
_DATA = {220, 232, 241, 242, 245, 248, 511, 2628, 8114, 8115, 8152, 8169, 8170, 13609, 13610}
_NO_PARTITION = 50001  # thrown by our own statements

_NUMBER = re.compile(r"\((-?\d+)\)")
# "[08001] [Microsoft][ODBC Driver 18 for SQL Server]" in front of each message; brackets within one are its own.
_LAYERS = re.compile(r"(?:^|(?<=; ))\[[0-9A-Z]{5}\]\s*(?:\[[^\]]*\]){0,3}\s*")
_MONTH = re.compile(r"\bmonth (\d{6})\b")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what the driver raises in the block into our own errors.

    Args:
        where: host, port and database, for messages.
    """
    try:
        yield
    except pyodbc.Error as error:
        raise translate(error, where) from error
    except UnicodeEncodeError as error:
        raise DataRefused(f"text contains characters that SQL Server cannot store: {error}") from error


@contextmanager
def nothing_stored() -> Iterator[None]:
    """The block stores nothing by itself: its commit, if any, comes later."""
    try:
        yield
    except DatabaseUnavailable as error:
        error.in_doubt = False
        raise


def is_lost(error: pyodbc.Error) -> bool:
    """True if the connection cannot be used any more, or there may still be something under way on it."""
    state = str(error.args[0]) if error.args else ""
    numbers = _numbers(str(error))
    if numbers & _CONFLICTS:
        return False  # HYT00 also stands for a lock that was not granted in time
    return state.startswith(("08", "HYT", "HY008", "HY010")) or bool(numbers & _SESSION_ENDED)


def translate(error: pyodbc.Error, where: str) -> DatabaseError | MissingDriver:
    """The error of ours that stands for one of the driver's."""
    state = str(error.args[0]) if error.args else ""
    message = _plain(str(error.args[-1]) if error.args else str(error))
    numbers = _numbers(message)
    if _NO_PARTITION in numbers:
        month = _MONTH.search(message)
        return PartitionMissing(message, month[1] if month else None)
    if _LOCK_TIMEOUT in numbers or "lock timeout" in message:
        return LockTimeout(message)
    if numbers & _CONFLICTS or state == "40001":
        return TransactionConflict(message)
    if state in ("IM002", "IM003") or "Can't open lib" in message:
        return MissingDriver(f"the ODBC driver for SQL Server cannot be loaded: {message}")
    if numbers & _UNAVAILABLE or state.startswith(_UNAVAILABLE_STATES) or "closed connection" in message:
        unavailable = DatabaseUnavailable(
            f"SQL Server at {where} cannot be reached or refused the connection: {message}{_advice(message)}"
        )
        unavailable.in_doubt = is_lost(error)  # a refusal undoes what it refuses
        return unavailable
    if numbers & _PERMISSIONS or "permission denied" in message:
        return MissingPermission(f"{where}: {message}")
    if numbers & _DATA or state.startswith("22"):
        return DataRefused(f"{type(error).__name__}: {message}")
    return DatabaseError(f"{type(error).__name__}: {message}")


def _numbers(message: str) -> set[int]:
    return {int(number) for number in _NUMBER.findall(message)}


def _advice(message: str) -> str:
    """The hint for a refused encryption: Microsoft's driver encrypts, and a fresh server has no trusted certificate."""
    if "certificate verify failed" in message:
        return ". If the server made its certificate itself, add TrustServerCertificate=yes to the URL's options"
    if "Encryption not supported" in message:
        return ". Add Encrypt=no to the URL's options"
    return ""


def _plain(message: str) -> str:
    """The driver's text without its states and the names of the layers that it went through."""
    return _LAYERS.sub("", message)
