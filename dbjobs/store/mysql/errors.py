"""The exceptions of aiomysql, asyncmy, PyMySQL and mysqlclient as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

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
from dbjobs.store.unreachable import why_unreachable

# Numbers from the servers' error references: the same on MySQL and MariaDB where both know them.
DUPLICATE_KEY = 1062
NO_PARTITION = 1526
# A partition that is there already, in two wordings, and one that is not there.
PARTITION_EXISTS = frozenset({1517, 1495})
PARTITION_GONE = frozenset({1507, 1508})
# A column that is there already.
COLUMN_EXISTS = frozenset({1060})
LOCK_TIMEOUT = 1205
# Deadlock; row changed since the snapshot (MariaDB); definition changed under the statement.
_CONFLICTS = frozenset({1213, 1020, 1412, 1615})
# A value of the wrong kind, out of range, too long, no JSON, with characters that the column does not have, or larger
# than a packet; MariaDB's 4025 is a CHECK, which is how it sees whether a text is JSON.
_DATA = frozenset(
    {1048, 1153, 1264, 1265, 1292, 1300, 1301, 1366, 1367, 1406, 1690, 3140, 3141, 3144, 3156, 4025, 4038}
)
_NO_RIGHT = frozenset({1044, 1142, 1143, 1227, 1370, 1410, 1419, 1698})
_REFUSED = frozenset({1045, 1049, 1130, 1129, 1251, 1862})
# Too many connections, out of memory, threads or locks, a full disk or table, a shutdown, a server that is read-only, a
# statement that somebody has ended, a connection that is gone, ...: nothing that a job could help.
_UNAVAILABLE = frozenset({
    1021, 1026, 1030, 1037, 1038, 1041, 1114, 1135, 1180, 1206, 1223, 1637, 1969, 3101,
    1040, 1047, 1053, 1077, 1078, 1079, 1080, 1105, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1317,
    1792, 1836, 1927, 2002, 2003, 2005, 2006, 2013, 2014, 2055, 3024, 3169, 4031,
})  # fmt: skip


def code_of(error: BaseException | None) -> int | None:
    """The server's or driver's number of an error."""
    args = getattr(error, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what the driver raises in the block into our own errors.

    Args:
        where: host, port and database, for messages.
    """
    try:
        yield
    except DatabaseError:
        raise
    except (OSError, EOFError, TimeoutError) as error:
        raise DatabaseUnavailable(f"MySQL at {where} cannot be reached: {_text(error, where)}") from error
    except RuntimeError as error:
        if "'cryptography' package is required" not in str(error):
            raise
        raise MissingDriver(
            f"MySQL at {where}: without TLS, a login of this kind needs the package cryptography: "
            "pip install cryptography, or encrypt the connection (ssl-mode=REQUIRED in the URL)"
        ) from error
    except Exception as error:
        if not _is_drivers(error):
            raise
        raise _ours(error, where) from error


def _is_drivers(error: Exception) -> bool:
    return any(kind.__module__.partition(".")[0] in ("pymysql", "asyncmy", "MySQLdb") for kind in type(error).__mro__)


def _ours(error: Exception, where: str) -> DatabaseError:
    code, text = code_of(error), _text(error, where)
    if code == LOCK_TIMEOUT:
        return LockTimeout(text)
    if code in _CONFLICTS:
        return TransactionConflict(text)
    if code == NO_PARTITION:
        month = re.search(r"\d{6}", text)
        return PartitionMissing(text, month and month[0])
    if code in _DATA:
        return DataRefused(f"{type(error).__name__}: {text}")
    if code in _NO_RIGHT:
        return MissingPermission(f"{where}: {text}")
    if code in _REFUSED:
        return DatabaseUnavailable(f"MySQL at {where} refused the connection: {text}")
    if code in _UNAVAILABLE or type(error).__name__ == "InterfaceError":
        return DatabaseUnavailable(f"MySQL at {where} cannot be reached: {text}")
    return DatabaseError(f"{type(error).__name__}: {text}")


def _text(error: Exception, where: str) -> str:
    reason = why_unreachable(error, where) or why_unreachable(error.__cause__, where)
    if reason is not None:
        return reason
    args = error.args
    text = f"{args[1]} ({args[0]})" if len(args) > 1 and isinstance(args[0], int) else str(error)
    if isinstance(error.__cause__, OSError):  # why a connection failed: a certificate, a name, a closed port
        text = f"{text}: {error.__cause__}"
    return text or type(error).__name__
