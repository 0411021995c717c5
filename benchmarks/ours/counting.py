"""Counts what the library asks of the database, by wrapping the two classes that all its statements go through."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any


class Calls:
    """What went to the database.

    Attributes:
        statements: how often each statement file was run.
        transactions: commits asked for: statements on their own, and transactions of several.
    """

    def __init__(self) -> None:
        self.statements: Counter[str] = Counter()
        self.transactions = 0


@contextmanager
def counted_calls(database: Any, session: Any) -> Iterator[Calls]:
    """Count the calls of every object of these two classes until the block ends."""
    calls = Calls()
    database_fetch, session_fetch, transaction = database.fetch, session.fetch, database.transaction

    async def fetch_alone(self: Any, statement: str, /, **parameters: Any) -> Any:
        calls.statements[statement] += 1
        calls.transactions += 1
        return await database_fetch(self, statement, **parameters)

    async def fetch_inside(self: Any, statement: str, /, **parameters: Any) -> Any:
        calls.statements[statement] += 1
        return await session_fetch(self, statement, **parameters)

    @asynccontextmanager
    async def counted_transaction(self: Any) -> AsyncIterator[Any]:
        calls.transactions += 1
        async with transaction(self) as opened:
            yield opened

    database.fetch, session.fetch, database.transaction = fetch_alone, fetch_inside, counted_transaction
    try:
        yield calls
    finally:
        database.fetch, session.fetch, database.transaction = database_fetch, session_fetch, transaction


@contextmanager
def counted_sqlite_commits() -> Iterator[Calls]:
    """Count COMMITs on SQLite connections opened in the block: a writer may put several transactions into one."""
    calls = Calls()
    module: Any = sqlite3
    connect = module.connect

    def see(text: str) -> None:
        if text.lstrip()[:6].upper() == "COMMIT":
            calls.transactions += 1

    def connect_and_watch(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(see)
        return connection

    module.connect = connect_and_watch
    try:
        yield calls
    finally:
        module.connect = connect
