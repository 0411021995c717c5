"""Callers' own synchronous connections to MySQL or MariaDB, with PyMySQL or mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from dbjobs.errors import DatabaseError
from dbjobs.store.adopting import refused_blocking
from dbjobs.store.mysql import adopting
from dbjobs.store.mysql.errors import DUPLICATE_KEY, code_of, translated
from dbjobs.store.mysql.script import OpenRuns, Result, Run, Scripts
from dbjobs.store.synchronous import Wait

DRIVERS = ("pymysql", "MySQLdb")
_IN_TRANSACTION = 1  # the server's SERVER_STATUS_IN_TRANS
_NO_SUCH_SAVEPOINT = 1305


async def adopted(connection: Any, where: str, scripts: Scripts) -> BlockingConnection:
    """The caller's connection, ready for statements.

    Args:
        where: host, port and database, for messages.

    Raises:
        InvalidOption: it is not a driver's connection in a transaction, or has settings that change our statements.
    """
    if type(connection).__module__.partition(".")[0] not in DRIVERS or not hasattr(connection, "character_set_name"):
        raise refused_blocking(connection, "a PyMySQL or mysqlclient connection for a MySQL or MariaDB database")
    given = BlockingConnection(connection, where)
    with translated(where):
        adopting.check_charset(connection)
        if connection.get_autocommit() and not await _is_in_transaction(given, scripts):
            raise adopting.outside()
    await adopting.check_settings(given, scripts)
    return given


async def _is_in_transaction(connection: BlockingConnection, scripts: Scripts) -> bool:
    status = getattr(connection.raw, "server_status", None)
    if status is not None:
        return bool(status & _IN_TRANSACTION)
    # mysqlclient does not say. Outside of a transaction a savepoint vanishes at once.
    try:
        await Run(connection, scripts, {}).steps(scripts.steps("count_transactions"), alone=False)
    except DatabaseError as error:
        if code_of(error.__cause__) == _NO_SUCH_SAVEPOINT:
            return False
        raise
    return True


class BlockingConnection:
    """The caller's connection: each statement is a round trip (not every driver sends several at once), and blocks."""

    def __init__(self, raw: Any, where: str) -> None:
        self.raw = raw
        self._where = where
        self._cursor = import_module(f"{type(raw).__module__.partition('.')[0]}.cursors").Cursor

    @property
    def is_mariadb(self) -> bool:
        """True for MariaDB, False for MySQL."""
        return "MariaDB" in self.raw.get_server_info()

    def escape(self, text: str) -> str:
        """A text between quotes, as this connection's sql_mode wants it."""
        if hasattr(self.raw, "escape_string"):  # mysqlclient's: bytes
            escaped = self.raw.escape_string(text)
            return escaped.decode() if isinstance(escaped, bytes) else str(escaped)
        return str(self.raw.escape(text))[1:-1]  # PyMySQL's: with the quotes

    async def run(self, statements: Sequence[str]) -> list[Result]:
        """See Runs."""
        with translated(self._where):
            return [self._result(text) for text in statements]

    async def run_unless_taken(self, statement: str) -> list[Result]:
        """See Runs."""
        try:
            return await self.run([statement])
        except DatabaseError as error:
            if code_of(error.__cause__) == DUPLICATE_KEY:
                return []
            raise

    def is_closed(self) -> bool:
        """True if it can no longer be used."""
        return not self.raw.open

    def _result(self, text: str) -> Result:
        cursor = self._cursor(self.raw)
        try:
            cursor.execute(text)
            if cursor.description is None:
                return Result((), (), cursor.lastrowid or 0)
            return Result(tuple(column[0] for column in cursor.description), cursor.fetchall(), 0)
        finally:
            cursor.close()


class Lent:
    """A connection of our own event loop, lent to a thread without a loop."""

    def __init__(self, connection: OpenRuns, wait: Wait) -> None:
        self.raw = connection.raw
        self.is_mariadb = connection.is_mariadb
        self._connection = connection
        self._wait = wait

    def escape(self, text: str) -> str:
        """See Runs."""
        return self._connection.escape(text)

    async def run(self, statements: Sequence[str]) -> list[Result]:
        """See Runs."""
        results: list[Result] = self._wait(self._connection.run(statements))
        return results

    async def run_unless_taken(self, statement: str) -> list[Result]:
        """See Runs."""
        results: list[Result] = self._wait(self._connection.run_unless_taken(statement))
        return results

    def is_closed(self) -> bool:
        """True if it can no longer be used."""
        return self._connection.is_closed()
