"""One connection of aiomysql or asyncmy. Ending it leaves nothing running on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

import anyio

from dbjobs.errors import DatabaseError
from dbjobs.store.mysql.errors import DUPLICATE_KEY, code_of, translated
from dbjobs.store.mysql.limits import Limits
from dbjobs.store.mysql.script import Result
from dbjobs.store.mysql.socket import SocketEnd

DRIVERS = ("aiomysql", "asyncmy")

T = TypeVar("T")


class MysqlConnection:
    """A driver's connection.

    Args:
        raw: aiomysql's or asyncmy's connection.
        where: host, port and database, for messages.
        limits: how long each round trip may take.
        kill: ends the server's side of a connection, by thread id; None for a caller's own, which is left alone.
        guard: for a server of a Galera cluster, which may abort a transaction at any moment: what is run in front of
            statements that travel together, and what between them.
    """

    def __init__(
        self,
        raw: Any,
        where: str,
        limits: Limits,
        kill: Callable[[int], Awaitable[None]] | None = None,
        *,
        guard: tuple[str, str] | None = None,
    ) -> None:
        self.raw = raw
        self.guard = guard
        self._where = where
        self._limits = limits
        self._kill = kill
        self._end = SocketEnd(raw)
        self._cursor = _quiet_cursor(type(raw).__module__.partition(".")[0])

    @property
    def is_mariadb(self) -> bool:
        """True for MariaDB, False for MySQL."""
        return "MariaDB" in self.raw.get_server_info()

    def escape(self, text: str) -> str:
        """A text between quotes, as this connection's sql_mode wants it."""
        escaped: str = self.raw.escape_string(text)
        return escaped

    async def run(self, statements: Sequence[str]) -> list[Result]:
        """Run statements in one round trip; a result for each.

        Raises:
            DatabaseError.
        """
        return await self._bounded(self._together(statements))

    async def run_unless_taken(self, statement: str) -> list[Result]:
        """The same; no results if a unique key is taken: the statement is undone, and its transaction goes on."""
        try:
            return await self.run([statement])
        except DatabaseError as error:
            if code_of(error.__cause__) == DUPLICATE_KEY:
                return []
            raise

    async def begin(self) -> None:
        """Start a transaction."""
        await self._bounded(self.raw.begin())

    async def commit(self) -> None:
        """End it.

        Raises:
            DatabaseUnavailable: it may have been committed nevertheless; the next transaction can tell.
        """
        await self._bounded(self.raw.commit())

    async def rollback(self) -> None:
        """Take it back."""
        await self._bounded(self.raw.rollback())

    def is_closed(self) -> bool:
        """True if it can no longer be used. One that the server has closed while it lay idle is closed here, too."""
        if bool(self.raw.closed) if hasattr(self.raw, "closed") else not self.raw.connected:
            return True
        if self._end.is_reached():
            self.terminate()
            return True
        return False

    def terminate(self) -> None:
        """Close the socket."""
        self.raw.close()

    async def close(self) -> None:
        """Say good-bye, then close, whether or not the server takes the good-bye."""
        try:
            async with asyncio.timeout(self._limits.kill):
                await self.raw.ensure_closed()
        finally:
            self.raw.close()

    async def _bounded(self, work: Awaitable[T]) -> T:
        """Await a round trip within its limit; after it, end it on the server, which would go on and commit."""
        with translated(self._where):
            try:
                async with asyncio.timeout(self._limits.statement):
                    return await work
            except (asyncio.CancelledError, TimeoutError):
                await self._abandon()
                raise

    async def _together(self, statements: Sequence[str]) -> list[Result]:
        if self.guard is None or len(statements) == 1:
            return await self._results(";\n".join(statements))
        if not self.is_mariadb:
            # MySQL has no guard statement; one answer for each statement reports an abort as well.
            return [result for text in statements for result in await self._results(text)]
        first, between = self.guard
        return (await self._results(f"{first};\n" + f";\n{between};\n".join(statements)))[1::2]

    async def _results(self, text: str) -> list[Result]:
        cursor = self._cursor(self.raw)
        await cursor.execute(text)
        results = [await _result(cursor)]
        while await cursor.nextset():
            results.append(await _result(cursor))
        return results

    async def _abandon(self) -> None:
        """Close this side, and end the server's: closing alone leaves the statement running."""
        thread_id = self.raw.thread_id()
        self.terminate()
        if self._kill is not None:
            with anyio.CancelScope(shield=True), suppress(DatabaseError, TimeoutError):
                async with asyncio.timeout(self._limits.kill):
                    await self._kill(thread_id)


async def _result(cursor: Any) -> Result:
    description = cursor.description
    if description is None:
        return Result((), (), cursor.lastrowid or 0)
    return Result(tuple(column[0] for column in description), await cursor.fetchall(), 0)


@lru_cache
def _quiet_cursor(driver: str) -> type[Any]:
    """The driver's cursor without SHOW WARNINGS, which costs a round trip to turn the server's notes into warnings."""
    base: type[Any] = import_module(f"{driver}.cursors").Cursor

    class QuietCursor(base):  # type: ignore[misc]
        async def _show_warnings(self, *_: Any) -> None:
            """Ignore notes: strict mode turns all that matters into errors."""

    return QuietCursor
