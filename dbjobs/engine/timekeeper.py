"""Makes jobs ready when their time has come, fires scheduled tasks, and cancels jobs whose time is over."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection

import anyio

from dbjobs.engine.tasks import Tasks
from dbjobs.engine.waker import Waker
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.notices import ready_notices
from dbjobs.store.transactions.dependencies import Follower, cancel_waiting

log = logging.getLogger("dbjobs")

# Name this many of the jobs that expired together.
NAMED_JOBS = 10
# How late a job that another process has scheduled may be noticed.
LOOK_SECONDS = 0.5
EXPIRY_SECONDS = 1.0
JOBS_PER_STATEMENT = 1000


class Timekeeper:
    """Promotes due jobs. Every node does it; SKIP LOCKED keeps them out of each other's way."""

    def __init__(self, db: Database, waker: Waker, tasks: Tasks) -> None:
        self._db = db
        self._waker = waker
        self._tasks = tasks
        self._sooner = asyncio.Event()
        self._next = 0.0
        self._asked = self._answered = 0

    def scheduled_in(self, seconds: float) -> None:
        """This process has scheduled a job, this many seconds ahead; 0 or less: it may run at once."""
        if seconds <= 0:
            self._waker.look_everywhere()
        elif seconds < LOOK_SECONDS:
            self._sooner.set()

    def look_now(self) -> None:
        """Look at once for everything that is due: the clock has moved, or somebody waits for the end of a look."""
        self._asked += 1
        self._sooner.set()

    @property
    def is_quiet(self) -> bool:
        """A look that began after the last ``look_now`` has found nothing more that is due."""
        return self._answered == self._asked

    def tasks_changed(self) -> None:
        """This process has changed a scheduled task."""
        self._sooner.set()

    async def promote(self) -> float:
        """Promote due jobs and fire due tasks; seconds until the next look."""
        self._sooner.clear()
        asked = self._asked
        ready = await repository.promote_jobs(self._db, JOBS_PER_STATEMENT)
        if ready:
            self._waker.ready(ready)
            await repository.notify(self._db, ready_notices(ready))
        if len(ready) == JOBS_PER_STATEMENT:
            return 0.0
        job_due, task_due = await repository.next_due(self._db, self._tasks.names, self._tasks.commands)
        if task_due is not None and task_due <= 0:
            if await self._tasks.fire():
                return 0.0
            task_due = None
        self._answered = asked
        pause = min([LOOK_SECONDS, *(max(due, 0.001) for due in (job_due, task_due) if due is not None)])
        with anyio.move_on_after(pause * random.uniform(0.95, 1.0) if pause == LOOK_SECONDS else pause):
            await self._sooner.wait()
        return 0.0

    async def expire(self) -> float:
        """Cancel jobs that were not started in time; seconds until the next look."""
        ids = await repository.find_expired(self._db, JOBS_PER_STATEMENT)
        if not ids:
            return EXPIRY_SECONDS
        ended = await cancel_waiting(self._db, ids, "expired", "not started before it expired", expired=True)
        if ended:
            log.info("cancelled, because they expired before they started: jobs %s", _told(ended))
            follower = Follower(self._db, parents=ended)
            await follower.run()
            self._waker.ready(follower.ready)
        return 0.0 if len(ended) == JOBS_PER_STATEMENT else EXPIRY_SECONDS


def _told(ids: Collection[int]) -> str:
    named = sorted(ids)[:NAMED_JOBS]
    more = len(ids) - len(named)
    return ", ".join(map(str, named)) + (f" and {more} more" if more else "")
