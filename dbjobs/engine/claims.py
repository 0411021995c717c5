"""Claims for one kind of handler. It remembers how far each queue was read and whether there may be more."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Crew
from dbjobs.engine.hot_queues import HotQueues
from dbjobs.engine.lanes import Lanes
from dbjobs.engine.pace import FullLooks
from dbjobs.engine.queues import Queues
from dbjobs.engine.runner import Runners
from dbjobs.engine.waker import Waker
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed

# There may be a queue for each tenant, so these are limited: the queues that one look over the index finds, the limited
# queues whose lanes one look visits, and the sets of queues whose place among the lanes is remembered.
QUEUES_PER_LOOK = 500
LIMITED_PER_LOOK = 20
LANE_STARTS_KEPT = 1000
# With several kinds of handlers, each look skips the jobs of the other kinds. A look that finds nothing is followed by
# a pause, so that such looks take at most this share of the time.
PASSING_SHARE = 0.1
LONGEST_PAUSE_SECONDS = 2.0
_BY_ID = attrgetter("id")
_BY_PRIORITY = attrgetter("priority")


class Claims:
    """Claims jobs for one crew.

    A thread or a process is a different thing from a turn of the event loop. Each kind claims for itself, so that every
    claimed job has a place to run in, and none waits behind jobs of another kind.

    Args:
        make: attempts for claimed jobs.

    Attributes:
        commands: names of the commands of this kind.
        alone: no other kind has commands.
        jobs, behind, lanes: what is still wanted (see Waker).
    """

    def __init__(
        self,
        db: Database,
        crew: Crew,
        runners: Runners,
        waker: Waker,
        queues: Queues,
        make: Callable[[int, Sequence[Claimed]], list[Attempt]],
    ) -> None:
        self._db = db
        self._runners = runners
        self._waker = waker
        self._queues = queues
        self._make = make
        self._hot = HotQueues(self._free)
        self._after_queue = ""
        self._full_looks = FullLooks()
        self._restarts = FullLooks()
        self._lanes: dict[tuple[bool | str, ...], Lanes] = {}
        self._limited_turn = 0
        self._limited_news = 0
        self._next_lane_look = 0.0
        self._lanes_first = True
        self._not_before = 0.0
        self.crew = crew
        self.commands: Sequence[str] = ()
        self.alone = True
        self.jobs = self.behind = self.lanes = True

    @property
    def room(self) -> int:
        """How many jobs of this kind may be claimed now: free places, and a little ahead."""
        return self.crew.room(self._runners.room)

    @property
    def is_worthwhile(self) -> bool:
        """There is room for enough jobs to send a statement for them."""
        return self.room > self.crew.spare

    def hear(self, news: Mapping[str, tuple[int, bool]]) -> None:
        """Take over the waker's news."""
        self.jobs = self.jobs or self._waker.jobs
        self.behind = self.behind or self._waker.behind
        self.lanes = self.lanes or self._waker.lanes
        for queue, (priority, behind) in news.items():
            self._hot.news(queue, priority, behind=behind)

    def keep(self, served: Callable[[str], bool]) -> None:
        """Forget queues that are not served (any more)."""
        self._hot.keep(served)

    def hurry(self) -> None:
        """The next look need not keep to its share of the time."""
        self._full_looks.hurry()
        self._restarts.hurry()
        self._not_before = 0.0

    @property
    def is_content(self) -> bool:
        """The last looks left nothing behind, and there was no news since."""
        return not (self.jobs or self.lanes or self.looks_again)

    @property
    def looks_again(self) -> bool:
        """There is more to look for, as soon as the next look is allowed."""
        return self.behind or (self._hot.behind and self._hot.open) or (self.jobs and not self._is_allowed)

    @property
    def next_look(self) -> float:
        """The ``time.monotonic()`` of the next look without news."""
        until = self._next_lane_look
        if self.behind:
            until = min(until, max(self._full_looks.allowed_at, self._not_before))
        elif self._hot.behind and self._hot.open:
            until = min(until, max(self._restarts.allowed_at, self._not_before))
        elif self.jobs and not self._is_allowed:
            until = min(until, self._not_before)
        return until

    async def look(self, node_id: int) -> bool:
        """Claim jobs and lanes if there may be any; False if there was no reason to."""
        now = time.monotonic()
        full = self._full_looks.is_due(now, behind=self.behind, jobs=self.jobs)
        restart = (full or self._hot.behind) and now >= self._restarts.allowed_at
        # Jobs of queues at their limits stay wanted until one of these ends.
        want_jobs = self._is_allowed and (full or ((self.jobs or restart) and self._hot.open))
        lane_news = self.lanes
        want_lanes = lane_news or now >= self._next_lane_look
        if not want_lanes and not want_jobs:
            return False
        self.lanes = False
        self.jobs = self.jobs and not want_jobs
        # When both free jobs and lanes have work, each gets half of the room, and they take turns at being first.
        room = self.room
        share = room if not (lane_news and want_jobs) else max(1, room // 2)
        self._lanes_first = lane_news and not self._lanes_first
        if want_lanes and self._lanes_first:
            await self._claim_lanes(node_id, share)
            share = self.room
        if want_jobs:
            await self._claim_jobs(node_id, share, full=full, restart=restart)
        if want_lanes and not self._lanes_first:
            await self._claim_lanes(node_id, self.room)
        return True

    @property
    def _is_allowed(self) -> bool:
        return self.alone or time.monotonic() >= self._not_before

    def _free(self, queue: str) -> int | None:
        """How many more jobs of a queue may be claimed; None for any number."""
        limit = self._queues.limit_of(queue)
        if limit is None:
            return None
        memory = self._runners.memory
        free = max(limit - memory.per_queue[queue], 0)
        if free == 0:
            memory.full_queues.add(queue)
        return free

    # --- free jobs ------------------------------------------------------------------------------

    async def _claim_jobs(self, node_id: int, room: int, *, full: bool, restart: bool) -> None:
        if room < 1:
            self.jobs = True
            return
        if full:
            began = time.monotonic()
            self.behind = False
            more = await self._find_queues()
            self._full_looks.ended(began, fruitful=more)
        began = time.monotonic()
        wanted = self._hot.wanted(room, restart=restart)
        claimed = await repository.claim_jobs(self._db, node_id, wanted, room, self.commands) if wanted else []
        if restart:
            self._restarts.ended(began)
        claimed.sort(key=_BY_ID)
        claimed.sort(key=_BY_PRIORITY)  # and of one priority still by id
        self.jobs = self._hot.claimed(wanted, claimed, room) or self.jobs
        if claimed:
            self._runners.push(self._make(node_id, claimed))
            return
        now = time.monotonic()
        if not self.alone:
            self._not_before = now + min((now - began) * (1 - PASSING_SHARE) / PASSING_SHARE, LONGEST_PAUSE_SECONDS)
        if not full and self._full_looks.is_long_ago(now):
            self.behind = True  # look from the start once before the dispatcher rests

    async def _find_queues(self) -> bool:
        """Look for queues with work, QUEUES_PER_LOOK at a time, from where the last such look ended.

        Returns:
            Whether there may be more of them.
        """
        after, named = self._after_queue, self._queues.named
        if named is None:
            slice_ = await repository.find_ready_queues(self._db, after, QUEUES_PER_LOOK)
        else:
            start = bisect_right(named, after)
            slice_ = named[start : start + QUEUES_PER_LOOK]
        ended = len(slice_) < QUEUES_PER_LOOK
        self._after_queue = "" if ended else slice_[-1]
        self.behind = self.behind or not ended
        self._hot.found(queue for queue in slice_ if self._queues.serves(queue))
        return not ended

    # --- named workers --------------------------------------------------------------------------

    async def _claim_lanes(self, node_id: int, room: int) -> None:
        if room < 1:
            self.lanes = True
            return
        self._next_lane_look = time.monotonic() + self._waker.poll_seconds
        queues, all_but = self._queues.unlimited()
        run_length = self.crew.pace.run_length()
        claimed = 0
        if queues or all_but:
            claimed = await self._claim_lanes_of(node_id, queues, room, run_length, all_but=all_but)
        # A queue's limit counts attempts in memory: as many lanes as it has room for, with one job each. A round over
        # all such queues may take several looks, and another one follows if there was news meanwhile.
        limited = self._queues.limited()
        start = self._limited_turn if self._limited_turn < len(limited) else 0
        if start == 0:
            self._limited_news = self._waker.lane_news
        for queue in limited[start : start + LIMITED_PER_LOOK]:
            free = self._free(queue)
            if free and claimed < room:
                claimed += await self._claim_lanes_of(node_id, [queue], min(free, room - claimed), 1)
        self._limited_turn = start + LIMITED_PER_LOOK
        if self._limited_turn < len(limited) or (start and self._limited_news != self._waker.lane_news):
            self.lanes = True

    async def _claim_lanes_of(
        self, node_id: int, queues: Sequence[str], lanes: int, run_length: int, *, all_but: bool = False
    ) -> int:
        # Each set of queues has a moving start of its own.
        key: tuple[bool | str, ...] = (all_but, *queues)
        if key not in self._lanes and len(self._lanes) >= LANE_STARTS_KEPT:
            self._lanes.clear()
        looker = self._lanes.setdefault(key, Lanes(self._db))
        news = self._waker.lane_news
        async with self._runners.leasing:
            runs, more = await looker.claim(node_id, lanes, run_length, queues, self.commands, all_but=all_but)
        if more:
            self.lanes = True
        firsts: list[Attempt] = []
        for run in runs:
            attempts = self._make(node_id, run)
            for attempt in attempts:
                attempt.lane_news = news
            attempts[-1].lane_goes_on = len(attempts) == run_length
            attempts[0].lane_rest = attempts[1:]
            firsts.append(attempts[0])
        if firsts:
            self._runners.push(firsts)
        return len(firsts)
