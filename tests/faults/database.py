"""A Database around another one, through which every round trip passes the test's plan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import dbjobs.jobs
from dbjobs.store.database import Database, Row, Session, T, make_database
from dbjobs.store.records import NewJob
from tests.faults.plan import Plan


class FaultySession:
    """A session whose statements pass the plan."""

    def __init__(self, inner: Session, plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def connection(self) -> Any:
        return self._inner.connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        return await self._plan.trip(statement, partial(self._inner.fetch, statement, **parameters))

    async def script(self, statement: str, /, **words: str) -> None:
        name = "script" if "\n" in statement else statement
        await self._plan.trip(name, partial(self._inner.script, statement, **words))

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        return await self._plan.trip("insert_bulk", partial(self._inner.insert_bulk, jobs))


class FaultyDatabase:
    """A database whose round trips, and those of the instances made from it, pass the plan."""

    def __init__(self, inner: Database, plan: Plan) -> None:
        self.inner = inner
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        """What the protocol gains later is passed on; a database that comes out of it is wrapped as well."""
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            result = found(*arguments, **options)
            if hasattr(result, "fetch") and hasattr(result, "transaction"):
                return self if result is self.inner else FaultyDatabase(result, self._plan)
            return result

        return call

    async def open(self) -> None:
        await self._plan.trip("OPEN", self.inner.open)

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        return await self._plan.trip(statement, partial(self.inner.fetch, statement, **parameters))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._conducted(self.inner.transaction()) as session:
            yield session

    async def conduct(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        async with self.transaction() as session:
            return await work(session)

    @asynccontextmanager
    async def handler_transaction(self) -> AsyncIterator[FaultySession]:
        async with self._conducted(self.inner.handler_transaction()) as session:
            yield session

    async def adopt(self, connection: Any) -> Session:
        return FaultySession(await self.inner.adopt(connection), self._plan)

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        await self._plan.trip("LISTEN", partial(self.inner.listen, on_notice, on_ready))

    @asynccontextmanager
    async def _conducted(self, transaction: AbstractAsyncContextManager[Session]) -> AsyncIterator[FaultySession]:
        """A transaction whose BEGIN and COMMIT pass the plan, too."""
        session: Session | None = None
        ended = False

        async def begin() -> None:
            nonlocal session
            session = await transaction.__aenter__()

        async def commit() -> None:
            nonlocal ended
            ended = True
            await transaction.__aexit__(None, None, None)

        try:
            await self._plan.trip("BEGIN", begin)
            assert session is not None
            yield FaultySession(session, self._plan)
            await self._plan.trip("COMMIT", commit)
        except BaseException as error:
            if session is not None and not ended:
                await transaction.__aexit__(type(error), error, error.__traceback__)
            raise


@contextmanager
def faulty_databases(plan: Plan) -> Iterator[None]:
    """Every ``Jobs`` made in this block has such a database."""

    def make(url: str, **settings: Any) -> FaultyDatabase:
        return FaultyDatabase(make_database(url, **settings), plan)

    with patch.object(dbjobs.jobs, "make_database", make):
        yield
