"""A handler's transaction, used the same way on every database."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from dbjobs.errors import InvalidOption
from dbjobs.store.database import HandlersSession, Row


class Transaction:
    """What ``async with job.transaction() as tx:`` yields.

    Statements are the database's own, and so are their placeholders: ``$1`` with asyncpg, ``%s`` with aiomysql and
    asyncmy, ``?`` with sqlite3 and aioodbc. They go to the driver as they are, and what it raises comes as it is.

    Nothing of it is used after the block.
    """

    def __init__(self, session: HandlersSession) -> None:
        self._session = session
        self._unawaited = 0
        self._has_ended = False

    @property
    def connection(self) -> Any:
        """The driver's own, for all else it can do: asyncpg, aiomysql or asyncmy, aioodbc, or (not awaited) sqlite3.

        Neither commit nor close it.
        """
        self._check()
        return self._session.connection

    def execute(self, statement: str, /, *parameters: Any) -> Coroutine[Any, Any, int]:
        """Run a statement.

        Args:
            statement: one statement, with the driver's placeholders.
            parameters: a value for each of them.

        Returns:
            How many rows it has changed.

        Raises:
            InvalidOption: the transaction has ended. What the driver raises.
        """
        self._ask()
        return self._count(statement, parameters)

    def fetch(self, statement: str, /, *parameters: Any) -> Coroutine[Any, Any, Sequence[Row]]:
        """Run a statement; its rows, whose values are read by position and by column name (see ``execute``)."""
        self._ask()
        return self._rows(statement, parameters)

    def end(self) -> None:
        """The block ends; nothing is taken any more.

        Raises:
            InvalidOption: a statement was not awaited, so it has not run.
        """
        self._has_ended = True
        if self._unawaited:
            raise InvalidOption(
                "job.transaction(): a statement was not awaited, and has not run: write await tx.execute(...)"
            )

    async def _count(self, statement: str, parameters: Sequence[Any]) -> int:
        self._begin()
        return await self._session.execute_own(statement, parameters)

    async def _rows(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        self._begin()
        return await self._session.fetch_own(statement, parameters)

    def _ask(self) -> None:
        self._unawaited += 1

    def _begin(self) -> None:
        self._unawaited -= 1
        self._check()

    def _check(self) -> None:
        if self._has_ended:
            raise InvalidOption("job.transaction(): the transaction has ended; its statements belong in its block")
