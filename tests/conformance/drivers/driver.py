"""What every driver's class can do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit


class Driver:
    """What the four have in common.

    Attributes:
        utc: what follows a time in UTC in a literal.
        make_note: makes the application's own table.
    """

    utc = ""
    make_note = "CREATE TABLE IF NOT EXISTS note (text text)"

    def __init__(self, url: str) -> None:
        self.url = url

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def connection(self) -> Any:
        """An application's own connection, as an asynchronous context."""
        raise NotImplementedError

    async def somebody_waits_for_a_lock(self) -> bool:
        raise NotImplementedError

    async def somebody_is_in_a_transaction(self) -> bool:
        raise NotImplementedError

    async def drop_connections(self) -> None:
        raise NotImplementedError

    async def make_user(self, name: str, password: str) -> str:
        raise NotImplementedError

    async def let_read(self, name: str) -> None:
        raise NotImplementedError

    async def drop_user(self, name: str) -> None:
        raise NotImplementedError

    def url_of(self, name: str, password: str) -> str:
        """This database's URL for another user."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()

    @staticmethod
    async def execute(connection: Any, statement: str) -> None:
        await connection.execute(statement)

    @classmethod
    async def begin(cls, connection: Any) -> None:
        await cls.execute(connection, "BEGIN")

    @classmethod
    async def commit(cls, connection: Any) -> None:
        await cls.execute(connection, "COMMIT")

    @classmethod
    async def rollback(cls, connection: Any) -> None:
        await cls.execute(connection, "ROLLBACK")


def with_prefix(statement: str) -> str:
    """The statement with the library's schema as a prefix, where there is no schema."""
    return re.sub(r"\bdbjobs\.", "dbjobs_", statement)
