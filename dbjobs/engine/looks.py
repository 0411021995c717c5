"""What the dispatcher remembers of its looks for one kind of handlers: where they ended, and what is still wanted."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dbjobs.engine.crews import Crew
from dbjobs.engine.lanes import Lanes
from dbjobs.engine.pace import FullLooks
from dbjobs.engine.waker import Waker
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed

Place = tuple[int, int]
START: Place = (-(2**31), 0)
# Looks that pass by the jobs of other kinds, and find nothing, get at most this share of the time.
_PASSING_SHARE = 0.1
_LONGEST_PAUSE_SECONDS = 2.0


class Looks:
    """Looks for the jobs of one crew.

    A thread or a process is another thing than a turn of the event loop. Each kind is claimed for by itself, so that
    none is claimed that has no place to run, and none waits behind another.

    Args:
        crew: the places to claim for.

    Attributes:
        commands: names of the commands of this kind.
        jobs, behind, lanes: what is wanted still (see Waker).
        places: per queue, the last job claimed.
        full: when looks from the start are due.
        next_lanes: ``time.monotonic()`` of the next look for lanes without a reason.
    """

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.commands: Sequence[str] = ()
        self.jobs = self.behind = self.lanes = True
        self.places: dict[str, Place] = {}
        self.full = FullLooks()
        self.next_lanes = 0.0
        self._not_before = 0.0
        self._lanes: dict[tuple[str, ...], Lanes] = {}

    def hear(self, waker: Waker, most_urgent: int | None) -> None:
        """Take over the news."""
        self.jobs = self.jobs or waker.jobs
        self.behind = self.behind or waker.behind
        self.lanes = self.lanes or waker.lanes
        if most_urgent is not None and any(most_urgent < place[0] for place in self.places.values()):
            self.behind = True

    @property
    def allowed_at(self) -> float:
        """When a look may find jobs of this kind without taking too much time from the others."""
        return self._not_before

    def ended(self, began: float, found: int, *, alone: bool) -> None:
        """A look that began at this ``time.monotonic()`` is over.

        Args:
            alone: there is no other kind, whose jobs it may have passed by.
        """
        now = time.monotonic()
        pause = 0.0 if alone or found else (now - began) * (1 - _PASSING_SHARE) / _PASSING_SHARE
        self._not_before = now + min(pause, _LONGEST_PAUSE_SECONDS)

    def lanes_of(self, db: Database, queues: Sequence[str]) -> Lanes:
        """The moving start over the lanes of a set of queues."""
        return self._lanes.setdefault(tuple(queues), Lanes(db))

    def note(self, wanted: Sequence[tuple[str, int, int, int]], claimed: Sequence[Claimed], *, full: bool) -> None:
        """Remember where a look for jobs (sorted by priority and id) has ended in each queue."""
        last: dict[str, Place] = {}
        counts: dict[str, int] = {}
        for job in claimed:
            last[job.queue] = (job.priority, job.id)
            counts[job.queue] = counts.get(job.queue, 0) + 1
        for queue, slots, _, _ in wanted:
            place = last.get(queue)
            filled = counts.get(queue, 0) >= slots
            if place is not None:
                before = self.places.get(queue, START)
                # A look from the start that was filled ends in the middle: go on from there.
                self.places[queue] = place if filled or not full else max(place, before)
            if filled:
                self.jobs = True
        if not full and not claimed and not self.behind and self.places:
            # Nothing behind the last place. Before resting, look from the start once.
            self.behind = self.full.is_long_ago(time.monotonic())
