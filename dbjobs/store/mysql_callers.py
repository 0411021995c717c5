"""A caller's own connection to MySQL or MariaDB: only appended to, with looks and locks that hold nobody up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from dbjobs.store.database import Row, Session
from dbjobs.store.mysql_connection import MysqlConnection
from dbjobs.store.mysql_script import Run, Scripts
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Table

# How long one look takes to find out that somebody else has a key in hand, before the caller looks again (seconds).
_BUSY_SECONDS = 0.05


class CallersSession:
    """Statements in a transaction that the caller has begun, at whatever isolation level, and commits when it likes.

    Args:
        session: the statements on the caller's connection.
        own: lends a connection of our own, outside of a transaction.
        scripts: the dialect's.
    """

    def __init__(
        self, session: Session, own: Callable[[], AbstractAsyncContextManager[MysqlConnection]], scripts: Scripts
    ) -> None:
        self._session = session
        self._own = own
        self._scripts = scripts

    @property
    def connection(self) -> Any:
        """The caller's connection."""
        return self._session.connection

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        """Run a statement; looks see what the caller's transaction has inserted (see ``find_own_refs.sql``)."""
        if statement == "find_refs":
            return await self._session.fetch("find_own_refs", **parameters)
        if statement == "find_parents":
            return await self._session.fetch("find_own_parents", **parameters)
        if statement == "add_refs":
            refs: Table = parameters["refs"]
            return [row for ref in refs.rows for row in await self._add_ref(refs.columns, ref)]
        return await self._session.fetch(statement, **parameters)

    async def script(self, statement: str, /, **words: str) -> None:
        """See Session."""
        await self._session.script(statement, **words)

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        """See Session."""
        return await self._session.insert_bulk(jobs)

    async def _add_ref(self, columns: Sequence[str], ref: Sequence[Any]) -> Sequence[Row]:
        """Insert one key, unless somebody has it or is about to: no row then, at once (see ``reserve_ref.sql``)."""
        ref_id = ref[list(columns).index("ref_id")]
        async with self._own() as own:
            try:
                reserving = Run(own, self._scripts, {"ref_id": ref_id})
                found = await reserving.steps(self._scripts.steps("reserve_ref"), alone=False)
                if found[0][0]:
                    return await self._session.fetch("add_refs", refs=Table(columns, [ref]))
            finally:
                if not own.is_closed():
                    with anyio.CancelScope(shield=True):
                        await Run(own, self._scripts, {}).steps(self._scripts.steps("release_locks"), alone=False)
        await anyio.sleep(_BUSY_SECONDS)
        return []
