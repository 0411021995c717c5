"""Keeps the lease of a node that has ended while plain handlers of it still run in threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence

from dbjobs.commands.codec import dumps
from dbjobs.engine.attempt import Attempt
from dbjobs.errors import DatabaseError
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

_LOOK_SECONDS = 0.1
BEATS_PER_LEASE = 6


class Custody(threading.Thread):
    """Holds jobs and lanes until their handlers have really ended, then hands them back.

    A thread with a connection of its own, which outlives the event loop. Python waits for it at the end of the program
    as it waits for the handlers. If the process is ended even so, the lease runs out, and only then do others take
    the jobs; so nothing overlaps either way.

    Args:
        left: the attempts whose handlers still run.
    """

    def __init__(self, db: Database, node_id: int, lease_seconds: float, left: Sequence[Attempt]) -> None:
        super().__init__(name="dbjobs-custody")
        self._db = db
        self._node_id = node_id
        self._lease_seconds = lease_seconds
        self._left = list(left)

    def run(self) -> None:
        """The thread's work."""
        try:
            asyncio.run(self._keep())
        except Exception as error:
            log.warning("node %s could not hand its last jobs back (%s); its lease will run out", self._node_id, error)

    async def _keep(self) -> None:
        db = self._db.another()
        is_open = False
        next_beat = 0.0
        loop = asyncio.get_running_loop()
        try:
            while any(attempt.still_runs for attempt in self._left):
                if loop.time() >= next_beat:
                    next_beat = loop.time() + self._lease_seconds / BEATS_PER_LEASE
                    try:
                        async with asyncio.timeout(self._lease_seconds / 2):
                            if not is_open:
                                await db.open()
                                is_open = True
                            if not await self._beat(db):
                                log.error(
                                    "node %s has lost its lease; others may run jobs that still run here", self._node_id
                                )
                                return
                    except (DatabaseError, TimeoutError) as error:
                        log.warning("node %s could not renew its lease: %s", self._node_id, error)
                await asyncio.sleep(_LOOK_SECONDS)
            async with asyncio.timeout(self._lease_seconds):
                if not is_open:
                    await db.open()
                    is_open = True
                await self._hand_back(db)
        finally:
            # RuntimeError: Python starts no more threads at the end of the program.
            with contextlib.suppress(DatabaseError, TimeoutError, RuntimeError):
                async with asyncio.timeout(2):
                    await db.close()

    async def _beat(self, db: Database) -> bool:
        info = dumps({"ended": True, "still running": [attempt.job.id for attempt in self._left if attempt.still_runs]})
        return bool(await repository.heartbeat(db, self._node_id, self._lease_seconds, info))

    async def _hand_back(self, db: Database) -> None:
        held = await repository.find_held(db, self._node_id, 100_000)
        if held:
            outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="hand_back") for job in held]
            await repository.hand_back_jobs(db, self._node_id, outcomes)
        await repository.remove_node(db, self._node_id)
        log.info("node %s: the last handler has ended; handed %s back", self._node_id, counted(len(held), "job"))
