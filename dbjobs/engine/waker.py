"""Tells the dispatcher that there may be work: from this process, from a notice, or from the clock."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable

from dbjobs.store.database import Database
from dbjobs.store.notices import CHILDREN, QUEUES, parse_cancel, parse_ready
from dbjobs.store.records import Ready

log = logging.getLogger("dbjobs")

# Polling is always on. With notices it is only the safety net; without them it is how work is found.
POLL_WITH_NOTICES_SECONDS = 1.0
POLL_SECONDS = 0.2


class Waker:
    """Collects wake-ups until the dispatcher looks at them.

    Attributes:
        jobs, lanes: free jobs, or jobs of named workers, may be ready.
        behind: they may be anywhere: look from the start.
        news: queues with ready free jobs, each with the most urgent priority and whether one of them is not new.
        queues_changed: settings of queues have changed.
        lane_news: counts the news about lanes. A job that comes while its lane runs is found by the look that
            follows when the lane is free again, if there was news since the claim.
    """

    def __init__(
        self, db: Database, on_cancel: Callable[[int], None], on_children: Callable[[], None] = lambda: None
    ) -> None:
        self._db = db
        self._on_cancel = on_cancel
        self._on_children = on_children
        self._event = asyncio.Event()
        self._has_notices = False
        self.jobs = True
        self.lanes = True
        self.behind = True
        self.queues_changed = True
        self.news: dict[str, tuple[int, bool]] = {}
        self.lane_news = 0

    def ready(self, jobs: Iterable[Ready]) -> None:
        """Note that these jobs may run now."""
        for job in jobs:
            if not job.queue:
                self.jobs = self.lanes = self.behind = True
                self.lane_news += 1
            elif job.lane:
                self.lanes = True
                self.lane_news += 1
            else:
                self.jobs = True
                priority, behind = self.news.get(job.queue, (job.priority, False))
                self.news[job.queue] = (min(priority, job.priority), behind or job.behind)
            self._event.set()

    def poke(self) -> None:
        """Look again: something else has changed (a slot is free, the node stops)."""
        self._event.set()

    def look_for_lanes(self) -> None:
        """Look for lanes: one is free again that may have more jobs."""
        self.lanes = True
        self._event.set()

    def look_on(self) -> None:
        """Look for more jobs from the last place: there is room for some that were left."""
        self.jobs = self.lanes = True
        self._event.set()

    def look_everywhere(self) -> None:
        """Look for any kind of work, from the start."""
        self.jobs = self.lanes = self.behind = True
        self.lane_news += 1
        self._event.set()

    @property
    def poll_seconds(self) -> float:
        """How often to look without having been told."""
        return POLL_WITH_NOTICES_SECONDS if self._has_notices else POLL_SECONDS

    async def wait(self, longest: float | None = None) -> bool:
        """Wait for a wake-up or the next poll; True if it was a wake-up."""
        pause = self.poll_seconds
        if longest is not None:
            pause = min(pause, longest)
        try:
            async with asyncio.timeout(pause * random.uniform(0.8, 1.0)):
                await self._event.wait()
        except TimeoutError:
            return False
        finally:
            self._event.clear()
        return True

    async def listen(self) -> None:
        """Hear the notices of other nodes until cancelled."""
        await self._db.listen(self._hear, self._heard)

    def _hear(self, notice: str) -> None:
        if notice == QUEUES:
            self.queues_changed = True
            self._event.set()
        elif (job := parse_ready(notice)) is not None:
            self.ready((job,))
        elif (id := parse_cancel(notice)) is not None:
            self._on_cancel(id)
        elif notice == CHILDREN:
            self._on_children()
        else:
            self.look_everywhere()

    def _heard(self, notices_arrive: bool) -> None:
        self._has_notices = notices_arrive
        self.look_everywhere()  # for anything that was sent while this process did not listen
        self._on_children()
