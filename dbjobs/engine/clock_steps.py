"""Finds that the database's clock was set back, and pulls in the retries that were scheduled while it stood ahead."""

from __future__ import annotations

import logging

from dbjobs import clock
from dbjobs.engine.timekeeper import Timekeeper
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

# A lane that waits for such a retry waits about this much longer than its back-off says.
LOOK_SECONDS = 5.0
# Clocks that are kept in step move by less.
STEP_SECONDS = 1.0
# A retry whose back-off began at a moment that lies ahead by more than this was scheduled before the step.
AHEAD_SECONDS = 1.0
JOBS_PER_SLICE = 10_000


class ClockSteps:
    """Compares the database's clock with one of ours that is never set.

    A retry that was scheduled while the database's clock stood ten minutes ahead is due ten minutes too late once the
    clock is right again, and its lane waits with it. The row shows it: it went into back-off at a moment
    (``last_activity_at``) that is still to come. Its back-off then counts from now.

    The clock may also have been set while no node was alive. A node that starts then sees it in the counts of retries:
    some belong to a minute that is still to come. (A step of seconds within one minute does not show there: such a
    retry is late by those seconds.) Only after a step does this look at all live jobs, one slice per statement.
    """

    def __init__(self, db: Database, timekeeper: Timekeeper) -> None:
        self._db = db
        self._timekeeper = timekeeper
        self._offset: float | None = None

    async def look(self) -> float:
        """Ask for the database's time; seconds until the next look."""
        asked = clock.now()
        moment = (await repository.database_time(self._db)).timestamp()
        answered = clock.now()
        # It was read at some moment between the two, so the distance of the clocks lies between these two.
        least, most = moment - answered, moment - asked
        if self._offset is None:
            stepped = await repository.has_retries_ahead(self._db)
        else:
            stepped = most < self._offset - STEP_SECONDS
        if stepped:
            await self._pull_in()
        self._offset = least
        return LOOK_SECONDS

    async def _pull_in(self) -> None:
        jobs = 0
        after: int | None = 0
        while after is not None:
            count, after = await repository.pull_in_retries(self._db, AHEAD_SECONDS, after, JOBS_PER_SLICE)
            jobs += count
        if jobs:
            log.warning(
                "the database's clock was set back: %s would have been retried too late; the back-off counts from now",
                counted(jobs, "job"),
            )
            self._timekeeper.look_now()
