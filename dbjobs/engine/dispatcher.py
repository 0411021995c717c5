"""Claims batches of ready jobs for the free slots of this node."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence

from dbjobs.commands import Registry
from dbjobs.context import JobContext, Services
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.hot_queues import HotQueues
from dbjobs.engine.lanes import Lanes
from dbjobs.engine.pace import FullLooks
from dbjobs.engine.queues import Queues
from dbjobs.engine.resilience import Backoff
from dbjobs.engine.runner import Runners
from dbjobs.engine.waker import Waker
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed, Outcome

log = logging.getLogger("dbjobs")

# How often the rows held by this node are compared with what is in memory (they must be the same).
RECONCILE_SECONDS = 60.0
UNKNOWN_SECONDS = 30.0
UNKNOWN_LOOK_ROWS = 1000
UNKNOWN_LOOK_QUEUES = 100
# Queues found by one look over the index, limited queues whose lanes one look visits, and sets of queues whose place
# among the lanes is remembered: there may be a queue for each tenant.
QUEUES_PER_LOOK = 500
LIMITED_PER_LOOK = 20
LANE_STARTS_KEPT = 1000


class Dispatcher:
    """The one loop that claims."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        runners: Runners,
        finisher: Finisher,
        waker: Waker,
        queues: Queues,
        services: Services,
        current_node: Callable[[], int | None],
    ) -> None:
        self._db = db
        self._registry = registry
        self._runners = runners
        self._finisher = finisher
        self._waker = waker
        self._queues = queues
        self._services = services
        self._current_node = current_node
        self._hot = HotQueues(self._free)
        self._after_queue = ""
        self._full_looks = FullLooks()
        self._restarts = FullLooks()
        self._lanes: dict[tuple[bool | str, ...], Lanes] = {}
        self._limited_turn = 0
        self._limited_news = 0
        self._next_lane_look = 0.0
        self._lanes_first = True
        self._must_reconcile = False
        self._next_reconcile = time.monotonic() + RECONCILE_SECONDS
        self._next_unknown = time.monotonic() + 1.0
        self._unknown_after = ""
        self._reported: set[str] = set()
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when the claim in flight is done."""
        self._stopping = True
        self._waker.poke()

    def reconcile_soon(self) -> None:
        """What the database says is ours may differ from what is in memory."""
        self._must_reconcile = True
        self._waker.poke()

    async def run(self) -> None:
        """Claim until stopped."""
        backoff = Backoff("claiming jobs")
        while not self._stopping:
            try:
                node_id = self._current_node()
                if node_id is None:
                    await self._waker.wait()
                    continue
                await self._look(node_id)
            except Exception as error:
                # The claim may have been committed: what it claimed is not in our memory.
                self._must_reconcile = True
                self._waker.look_everywhere()
                await backoff.failed(error)
            else:
                backoff.succeeded()

    async def _look(self, node_id: int) -> None:
        now = time.monotonic()
        if self._must_reconcile or now >= self._next_reconcile:
            await self._reconcile(node_id)
        await self._take_news(now)
        commands = self._registry.runnable()
        if self._room() < 1 or not commands:
            self._runners.wanted_room = 1
            await self._waker.wait()
            await asyncio.sleep(0)  # slots often come free together: let them
            return
        waker = self._waker
        full = self._full_looks.is_due(now, behind=waker.behind, jobs=waker.jobs)
        restart = full or (self._hot.behind and now >= self._restarts.allowed_at)
        # Jobs of queues at their limits stay wanted until one of these ends.
        want_jobs = full or ((waker.jobs or restart) and self._hot.open)
        lane_news = waker.lanes
        want_lanes = lane_news or now >= self._next_lane_look
        if not want_lanes and not want_jobs:
            await self._rest(now, commands)
            return
        waker.lanes = False
        waker.jobs = waker.jobs and not want_jobs
        # When both kinds have work each gets its half, and they take turns at being first.
        share = self._room() if not (lane_news and want_jobs) else max(1, self._room() // 2)
        self._lanes_first = lane_news and not self._lanes_first
        if want_lanes and self._lanes_first:
            await self._claim_lanes(node_id, share, commands)
            share = self._room()
        if want_jobs:
            await self._claim_jobs(node_id, share, commands, full=full, restart=restart)
        if want_lanes and not self._lanes_first:
            await self._claim_lanes(node_id, self._room(), commands)

    async def _take_news(self, now: float) -> None:
        waker = self._waker
        if waker.queues_changed or now >= self._queues.refresh_at:
            waker.queues_changed = False
            if await self._queues.refresh(self._db):
                self._hot.keep(self._queues.serves)
                waker.look_everywhere()  # jobs of a queue that was paused may have waited here
        news, waker.news = waker.news, {}
        for queue, (priority, behind) in news.items():
            if self._queues.serves(queue):
                self._hot.news(queue, priority, behind=behind)

    async def _rest(self, now: float, commands: Sequence[str]) -> None:
        """Wait for news, the next poll, or the moment at which a look from the start is allowed again."""
        until = min(self._queues.refresh_at, self._next_lane_look)
        looks_again = self._waker.behind or (self._hot.behind and self._hot.open)
        if self._waker.behind:
            until = min(until, self._full_looks.allowed_at)
        elif looks_again:
            until = min(until, self._restarts.allowed_at)
        if not await self._waker.wait(max(until - now, 0.0)) and not looks_again:
            self._waker.look_everywhere()
            await self._report_unknown(commands)

    def _room(self) -> int:
        """How many jobs may be claimed now: free slots, and a little ahead."""
        if self._finisher.full:
            return 0
        return self._runners.room + self._runners.pace.ahead()

    def _free(self, queue: str) -> int | None:
        """How many more jobs of a queue may be claimed; None for any number."""
        limit = self._queues.limit_of(queue)
        if limit is None:
            return None
        free = max(limit - self._runners.per_queue[queue], 0)
        if free == 0:
            self._runners.full_queues.add(queue)
        return free

    # --- free jobs ------------------------------------------------------------------------------

    async def _claim_jobs(self, node_id: int, room: int, commands: Sequence[str], *, full: bool, restart: bool) -> None:
        waker = self._waker
        if room < 1:
            waker.jobs = True
            return
        began = time.monotonic()
        if full:
            waker.behind = False
            await self._find_queues()
        wanted = self._hot.wanted(room, restart=restart)
        claimed = await repository.claim_jobs(self._db, node_id, wanted, room, commands) if wanted else []
        if full:
            self._full_looks.ended(began)
        if restart:
            self._restarts.ended(began)
        claimed.sort(key=lambda job: (job.priority, job.id))
        waker.jobs = self._hot.claimed(wanted, claimed, room) or waker.jobs
        if claimed:
            self._runners.push(self._attempts(node_id, claimed))
        elif not full and self._full_looks.is_long_ago(time.monotonic()):
            waker.behind = True  # before resting, look from the start once

    async def _find_queues(self) -> None:
        """Look for queues with work from where the last such look ended, so many at a time."""
        after, named = self._after_queue, self._queues.named
        if named is None:
            slice_ = await repository.find_ready_queues(self._db, after, QUEUES_PER_LOOK)
        else:
            start = bisect_right(named, after)
            slice_ = named[start : start + QUEUES_PER_LOOK]
        ended = len(slice_) < QUEUES_PER_LOOK
        self._after_queue = "" if ended else slice_[-1]
        self._waker.behind = self._waker.behind or not ended
        self._hot.found(queue for queue in slice_ if self._queues.serves(queue))

    # --- named workers --------------------------------------------------------------------------

    async def _claim_lanes(self, node_id: int, room: int, commands: Sequence[str]) -> None:
        if room < 1:
            self._waker.lanes = True
            return
        self._next_lane_look = time.monotonic() + self._waker.poll_seconds
        queues, all_but = self._queues.unlimited()
        run_length = self._runners.pace.run_length()
        claimed = 0
        if queues or all_but:
            claimed = await self._claim_lanes_of(node_id, queues, room, run_length, commands, all_but=all_but)
        # A queue's limit counts attempts in memory: as many lanes as it has room for, with one job each. A round over
        # all such queues may take several looks, and another one follows if there was news meanwhile.
        limited = self._queues.limited()
        start = self._limited_turn if self._limited_turn < len(limited) else 0
        if start == 0:
            self._limited_news = self._waker.lane_news
        for queue in limited[start : start + LIMITED_PER_LOOK]:
            free = self._free(queue)
            if free and claimed < room:
                claimed += await self._claim_lanes_of(node_id, [queue], min(free, room - claimed), 1, commands)
        self._limited_turn = start + LIMITED_PER_LOOK
        if self._limited_turn < len(limited) or (start and self._limited_news != self._waker.lane_news):
            self._waker.lanes = True

    async def _claim_lanes_of(
        self,
        node_id: int,
        queues: Sequence[str],
        lanes: int,
        run_length: int,
        commands: Sequence[str],
        *,
        all_but: bool = False,
    ) -> int:
        # Each set of queues has a moving start of its own.
        key: tuple[bool | str, ...] = (all_but, *queues)
        if key not in self._lanes and len(self._lanes) >= LANE_STARTS_KEPT:
            self._lanes.clear()
        looker = self._lanes.setdefault(key, Lanes(self._db))
        news = self._waker.lane_news
        runs, more = await looker.claim(node_id, lanes, run_length, queues, commands, all_but=all_but)
        if more:
            self._waker.lanes = True
        firsts: list[Attempt] = []
        for run in runs:
            attempts = self._attempts(node_id, run)
            for attempt in attempts:
                attempt.lane_news = news
            attempts[-1].lane_goes_on = len(attempts) == run_length
            attempts[0].lane_rest = attempts[1:]
            firsts.append(attempts[0])
        if firsts:
            self._runners.push(firsts)
        return len(firsts)

    # --- both -----------------------------------------------------------------------------------

    def _attempts(self, node_id: int, claimed: Sequence[Claimed]) -> list[Attempt]:
        attempts = []
        for job in claimed:
            command = self._registry.get(job.command)
            assert command is not None  # the claim asks for registered commands only
            attempts.append(Attempt(job, command, node_id, JobContext(job, self._services, node_id)))
        return attempts

    async def _reconcile(self, node_id: int) -> None:
        """Give back what the database says is ours but is not in memory (a claim whose answer was lost)."""
        held = await repository.find_held(self._db, node_id, 100_000)
        known = self._runners.held.keys() | self._finisher.holds()
        strays = [job for job in held if job.id not in known]
        lanes = {attempt.job.worker for attempt in self._runners.held.values()}
        lanes |= self._finisher.lanes()
        stray_lanes = [lane for lane in await repository.find_held_workers(self._db, node_id) if lane not in lanes]
        if strays:
            log.warning("%d jobs were claimed without our knowing (a lost answer); they are given back", len(strays))
            outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="hand_back") for job in strays]
            await repository.hand_back_jobs(self._db, node_id, outcomes)
        if stray_lanes:
            await repository.release_workers(self._db, node_id, stray_lanes)
        self._must_reconcile = False
        self._next_reconcile = time.monotonic() + RECONCILE_SECONDS

    async def _report_unknown(self, commands: Sequence[str]) -> None:
        """Say which ready jobs nobody here can run; they stay where they are."""
        if time.monotonic() < self._next_unknown:
            return
        self._next_unknown = time.monotonic() + UNKNOWN_SECONDS
        queues = await repository.find_ready_queues(self._db, self._unknown_after, UNKNOWN_LOOK_QUEUES)
        self._unknown_after = queues[-1] if len(queues) == UNKNOWN_LOOK_QUEUES else ""
        unknown = await repository.find_unknown(self._db, queues, commands, UNKNOWN_LOOK_ROWS)
        for command, count in unknown.items():
            if command not in self._reported:
                self._reported.add(command)
                log.warning(
                    "command %r is not registered on this node; %d%s jobs of it stay queued for a node that knows it",
                    command, count, "+" if count >= UNKNOWN_LOOK_ROWS else "",
                )  # fmt: skip
