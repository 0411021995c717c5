"""Vacuums the live tables after a number of jobs, where the database does so only once a minute."""

from __future__ import annotations

import logging
import time

from dbjobs.store import repository
from dbjobs.store.database import Database

log = logging.getLogger("dbjobs")

# A job leaves two dead rows. Vacuum the live tables after this many jobs of this node...
JOBS_PER_VACUUM = 4000
# ...but spend at most this share of the time on it, and pause long after one that fails (a limit on statements).
VACUUM_SHARE = 0.03
FAILED_SECONDS = 600.0
LOOK_SECONDS = 3.0
# While an old snapshot holds back most of the rows that died since the last vacuum, another one would be wasted.
HELD_SHARE = 0.5


class Vacuum:
    """One node's share of the cleaning: as much as it has left behind."""

    def __init__(self, db: Database) -> None:
        self._parent = db
        self._db: Database | None = None
        self._jobs = 0
        self._place = 0
        self._not_before = 0.0
        self._told = False

    def ended(self, jobs: int) -> None:
        """Note that this many jobs have ended here."""
        self._jobs += jobs

    async def look(self) -> float:
        """Vacuum if it is time; seconds until the next look."""
        if self._jobs < JOBS_PER_VACUUM or time.monotonic() < self._not_before:
            return LOOK_SECONDS
        facts = await repository.may_vacuum(self._parent)
        if facts is None or not facts.allowed:
            if facts is not None and not self._told:
                self._told = True
                log.info(
                    "this role may not vacuum the job tables (it neither owns them nor has MAINTAIN on them); "
                    "autovacuum does it about once a minute, and they grow larger meanwhile"
                )
            self._jobs = 0
            return FAILED_SECONDS
        if facts.held_back > HELD_SHARE * (facts.place - self._place):
            return LOOK_SECONDS
        began = time.monotonic()
        jobs = self._jobs
        try:
            if self._db is None:
                # A connection of its own: on a large table it may run for a while.
                self._db = self._parent.another()
                await self._db.open()
            await repository.vacuum(self._db)
        except Exception:
            self._not_before = time.monotonic() + FAILED_SECONDS
            await self.close()
            raise
        self._jobs -= jobs
        self._place = facts.place
        return max(LOOK_SECONDS, (time.monotonic() - began) * (1 - VACUUM_SHARE) / VACUUM_SHARE)

    async def close(self) -> None:
        """Let the connection go."""
        db, self._db = self._db, None
        if db is not None:
            await db.close()
