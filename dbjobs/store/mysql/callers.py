"""A caller's own connection to MySQL or MariaDB: it only appends, and its looks and locks block nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from dbjobs.store.database import Row, Session
from dbjobs.store.mysql.script import OpenRuns, Run, Scripts
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Table
from dbjobs.store.synchronous import pause, shielded

# How often and for how long to look whether another transaction that has inserted the same key has ended (seconds).
LOOK_SECONDS = 0.05
WAIT_SECONDS = 10.0


class CallersSession:
    """Statements in a transaction that the caller has begun, at whatever isolation level, and commits when it likes.

    Args:
        session: the statements on the caller's connection.
        own: lends a connection of our own, outside of a transaction.
        scripts: the dialect's.
    """

    def __init__(
        self, session: Session, own: Callable[[], AbstractAsyncContextManager[OpenRuns]], scripts: Scripts
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
        """Insert one key, waiting for another transaction that has inserted it; returns no row if it is taken.

        It waits by looking from time to time: a lock would block others (see ``reserve_ref.sql``).
        """
        ref_id = ref[list(columns).index("ref_id")]
        until = time.monotonic() + WAIT_SECONDS
        is_ours: bool | None = None  # this very transaction has inserted it, so there is nothing to wait for
        while True:
            inserted, is_taken = await self._try(ref_id, Table(columns, [ref]))
            if not inserted and not is_taken and is_ours is None:
                is_ours = bool(await self._session.fetch("find_own_refs", ref_ids=[ref_id]))
            if inserted or is_taken or is_ours or time.monotonic() >= until:
                return inserted
            await pause(LOOK_SECONDS)

    async def _try(self, ref_id: str, ref: Table) -> tuple[Sequence[Row], bool]:
        """Insert it if nobody has; returns the rows, and whether somebody has committed it."""
        async with self._own() as own:
            try:
                reserving = Run(own, self._scripts, {"ref_id": ref_id})
                if (await reserving.steps(self._scripts.steps("reserve_ref"), alone=False))[0][0]:
                    return await self._session.fetch("add_refs", refs=ref), False
                looking = Run(own, self._scripts, {"ref_ids": [ref_id]})
                return [], bool(await looking.steps(self._scripts.steps("find_refs"), alone=False))
            finally:
                if not own.is_closed():
                    with shielded():
                        await Run(own, self._scripts, {}).steps(self._scripts.steps("release_locks"), alone=False)
