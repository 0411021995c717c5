"""Sessions on an SQLite file: the writer's transaction, and a connection of the caller's own."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import astuple

from dbjobs.errors import DatabaseError, InvalidOption
from dbjobs.store.database import Row, Session
from dbjobs.store.named_rows import row_type
from dbjobs.store.records import NewJob
from dbjobs.store.sqlite.callers import Callers, as_made, begins_by_itself, impatient
from dbjobs.store.sqlite.errors import translate
from dbjobs.store.sqlite.history import History
from dbjobs.store.sqlite.script import Script, Scripts
from dbjobs.store.sqlite.transaction import HeldTransaction
from dbjobs.store.statements import Statements, Table
from dbjobs.store.synchronous import pause

T = TypeVar("T")


class WriterSession:
    """Statements in a transaction of the writer."""

    def __init__(self, held: HeldTransaction, statements: Statements, scripts: Scripts, path: Path) -> None:
        self._held = held
        self._statements = statements
        self._scripts = scripts
        self._path = path

    @property
    def connection(self) -> Any:
        raise DatabaseError("the writer's connection belongs to its thread; use a handler's transaction")

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        script = self._scripts.script(statement)
        if not script.steps:
            return ()
        return await self._run(lambda connection, history: script.run(connection, history, parameters))

    async def script(self, statement: str, /, **words: str) -> None:
        if statement == "make_partition":
            await self._run(lambda _, history: history.make(words["month"]))
            return
        if statement == "make_request_month":
            await self._run(lambda _, history: history.request_files.make(words["month"]))
            return
        if statement == "drop_request_month":
            await self._run(lambda _, history: history.request_files.drop(words["month"]))
            return
        text = statement if "\n" in statement else self._statements.text(statement)
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        script = Script(text)
        await self._run(lambda connection, history: script.run(connection, history, {}))
        if statement == "drop_partition":
            await self._run(lambda _, history: history.drop(words["month"]))

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        return await insert_bulk(self, jobs)

    async def _run(self, work: Callable[[sqlite3.Connection, History], T]) -> T:
        if self._held.refusal is not None:
            raise self._held.refusal
        try:
            result: T = await self._held.submit(work)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        return result


class InPlaceSession:
    """Statements within one piece of the writer's work, in its thread: nothing waits, so nothing comes between them."""

    def __init__(
        self, connection: sqlite3.Connection, history: History, statements: Statements, scripts: Scripts
    ) -> None:
        self._connected = connection, history
        self._statements = statements
        self._scripts = scripts

    @property
    def connection(self) -> Any:
        raise DatabaseError("the writer's connection belongs to its thread; use a handler's transaction")

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        script = self._scripts.script(statement)
        return script.run(*self._connected, parameters) if script.steps else ()

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run inside the writer's work")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        return await insert_bulk(self, jobs)


class CallerSession:
    """Statements on a connection that is not ours, in the thread it belongs to; its owner commits."""

    def __init__(
        self,
        callers: Callers,
        scripts: Scripts,
        path: Path,
        make_history: Callable[[], History],
        busy_seconds: float,
    ) -> None:
        self._callers = callers
        self._scripts = scripts
        self._path = path
        self._make_history = make_history
        self._busy_seconds = busy_seconds

    @property
    def connection(self) -> Any:
        return self._callers.given

    async def begin(self) -> None:
        """Start a transaction on a connection that has none."""
        await self._patiently(_begin)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        script = self._scripts.script(statement)
        if not script.steps:
            return ()
        return await self._patiently(lambda connection: self._run(connection, script, parameters))

    async def script(self, statement: str, /, **words: str) -> None:
        raise DatabaseError(f"{statement} does not run on a caller's own connection")

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        return await insert_bulk(self, jobs)

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        """See HandlersSession."""
        with closing(self._callers.given.execute(statement, parameters)) as cursor:
            return max(int(cursor.rowcount), 0)

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """See HandlersSession."""
        with closing(self._callers.given.execute(statement, parameters)) as cursor:
            kind = row_type(tuple([column[0] for column in cursor.description or ()]))
            return [kind(row) for row in cursor.fetchall()]

    def _run(self, connection: sqlite3.Connection, script: Script, parameters: dict[str, Any]) -> list[Row]:
        """All statements of the script or none: the caller may go on after an error."""
        if not connection.in_transaction:
            if not begins_by_itself(connection):
                raise InvalidOption(
                    "connection= has no open transaction and does not start one by itself (isolation_level is "
                    "None, or autocommit is on): execute BEGIN on it first"
                )
            _begin(connection)
        connection.execute("SAVEPOINT dbjobs")
        try:
            with closing(self._make_history()) as history:
                return script.run(connection, history, parameters)
        except BaseException:
            connection.execute("ROLLBACK TO dbjobs")
            raise
        finally:
            connection.execute("RELEASE dbjobs")

    async def _patiently(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Wait for the file's write lock without blocking the event loop: its holder may need the loop to go on."""

        def attempt(connection: sqlite3.Connection) -> T:
            with as_made(connection), impatient(connection):
                return work(connection)

        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                return await self._callers.run(attempt)
            except sqlite3.Error as error:
                # An extended code (BUSY_SNAPSHOT: somebody wrote since this transaction first read) stays for good.
                code = getattr(error, "sqlite_errorcode", None)
                if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise translate(error, self._path) from error
            await pause(random.uniform(0.001, 0.005))


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


async def insert_bulk(session: Session, jobs: Sequence[NewJob]) -> list[int]:
    """Insert jobs, a bounded number a statement, so that no list of parameters grows with the call."""
    ids: list[int] = []
    for start in range(0, len(jobs), _ROWS_PER_INSERT):
        rows = [astuple(job) for job in jobs[start : start + _ROWS_PER_INSERT]]
        table = Table(NewJob.__struct_fields__, rows)
        ids += [row[0] for row in await session.fetch("insert_jobs", jobs=table, notices=())]
    return ids


_ROWS_PER_INSERT = 5000
