"""Claims batches of ready jobs for the free slots of this node."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from dbjobs.commands import Registry
from dbjobs.context import JobContext, Services
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.finisher import Finisher
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

_START = (-(2**31), 0)
# How often the rows held by this node are compared with what is in memory (they must be the same).
RECONCILE_SECONDS = 60.0
UNKNOWN_SECONDS = 30.0
UNKNOWN_LOOK_ROWS = 1000


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
        self._lanes: dict[tuple[str, ...], Lanes] = {}
        self._turn = 0
        self._places: dict[str, tuple[int, int]] = {}
        self._full_looks = FullLooks()
        self._next_lane_look = 0.0
        self._lanes_first = True
        self._must_reconcile = False
        self._next_reconcile = time.monotonic() + RECONCILE_SECONDS
        self._next_unknown = time.monotonic() + 1.0
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
        if self._waker.queues_changed or now >= self._queues.refresh_at:
            self._waker.queues_changed = False
            await self._queues.refresh(self._db)
        commands = self._registry.runnable()
        if self._room() < 1 or not commands:
            self._runners.wanted_room = 1
            await self._waker.wait()
            await asyncio.sleep(0)  # slots often come free together: let them
            return
        waker = self._waker
        # Not while every queue is at its limit: what is wanted stays wanted until a job of one ends.
        open_queues = self._open_queues()
        full = bool(open_queues) and self._full_look_is_due(now)
        lane_news, want_jobs = waker.lanes, bool(open_queues) and (waker.jobs or full)
        want_lanes = lane_news or now >= self._next_lane_look
        if not want_lanes and not want_jobs:
            await self._rest(now, commands, looks_again=bool(open_queues) and waker.behind)
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
            await self._claim_jobs(node_id, share, commands, full)
        if want_lanes and not self._lanes_first:
            await self._claim_lanes(node_id, self._room(), commands)

    async def _rest(self, now: float, commands: Sequence[str], *, looks_again: bool) -> None:
        """Wait for news, the next poll, or the moment at which a look from the start is allowed again."""
        until = min(self._queues.refresh_at, self._next_lane_look)
        if looks_again:
            until = min(until, self._full_looks.allowed_at)
        if not await self._waker.wait(max(until - now, 0.0)) and not looks_again:
            self._waker.look_everywhere()
            await self._report_unknown(commands)

    def _room(self) -> int:
        """How many jobs may be claimed now: free slots, and a little ahead."""
        if self._finisher.full:
            return 0
        return self._runners.room + self._runners.pace.ahead()

    # --- free jobs ------------------------------------------------------------------------------

    def _full_look_is_due(self, now: float) -> bool:
        waker = self._waker
        if waker.most_urgent is not None:
            if any(waker.most_urgent < place[0] for place in self._places.values()):
                waker.behind = True
            waker.most_urgent = None
        return self._full_looks.is_due(now, behind=waker.behind, jobs=waker.jobs)

    def _open_queues(self) -> list[tuple[str, int | None]]:
        """(queue, how many more of its jobs may be claimed, None for any number) of those not at their limit."""
        queues: list[tuple[str, int | None]] = []
        for queue, limit in self._queues.served():
            free = None if limit is None else limit - self._runners.per_queue[queue]
            if free is None or free > 0:
                queues.append((queue, free))
            else:
                self._runners.full_queues.add(queue)
        return queues

    async def _claim_jobs(self, node_id: int, room: int, commands: Sequence[str], full: bool) -> int:
        wanted: list[repository.Wanted] = []
        for queue, free in self._open_queues():
            priority, id = _START if full else self._places.get(queue, _START)
            wanted.append((queue, room if free is None else min(room, free), priority, id))
        if room < 1 or not wanted:
            self._waker.jobs = True
            return 0
        # Every queue comes first in its turn, so that none takes all the room for ever.
        self._turn = (self._turn + 1) % len(wanted)
        wanted = wanted[self._turn :] + wanted[: self._turn]
        if full:
            self._waker.behind = False
        began = time.monotonic()
        claimed = await repository.claim_jobs(self._db, node_id, wanted, room, commands)
        if full:
            self._full_looks.ended(began)
        claimed.sort(key=_place)
        self._note_places(wanted, claimed, full)
        if len(claimed) >= room:
            self._waker.jobs = True
        if claimed:
            self._runners.push(self._attempts(node_id, claimed))
        return len(claimed)

    def _note_places(self, wanted: Sequence[repository.Wanted], claimed: Sequence[Claimed], full: bool) -> None:
        last: dict[str, tuple[int, int]] = {}
        counts: dict[str, int] = {}
        for job in claimed:
            last[job.queue] = _place(job)
            counts[job.queue] = counts.get(job.queue, 0) + 1
        for queue, slots, _, _ in wanted:
            place = last.get(queue)
            filled = counts.get(queue, 0) >= slots
            if place is not None:
                before = self._places.get(queue, _START)
                # A look from the start that was filled ends in the middle: go on from there.
                self._places[queue] = place if filled or not full else max(place, before)
            if filled:
                self._waker.jobs = True
        if not full and len(claimed) == 0 and self._waker.behind is False and self._places:
            # Nothing behind the last place. Before resting, look from the start once.
            self._waker.behind = self._full_looks.is_long_ago(time.monotonic())

    # --- named workers --------------------------------------------------------------------------

    async def _claim_lanes(self, node_id: int, room: int, commands: Sequence[str]) -> int:
        if room < 1:
            self._waker.lanes = True
            return 0
        self._next_lane_look = time.monotonic() + self._waker.poll_seconds
        open_queues = self._open_queues()
        claimed = await self._claim_lanes_of(
            node_id,
            [queue for queue, free in open_queues if free is None],
            room,
            self._runners.pace.run_length(),
            commands,
        )
        # A queue's limit counts attempts in memory: as many lanes as it has room for, with one job each.
        for queue, free in open_queues:
            if free is not None and claimed < room:
                claimed += await self._claim_lanes_of(node_id, [queue], min(free, room - claimed), 1, commands)
        return claimed

    async def _claim_lanes_of(
        self, node_id: int, queues: Sequence[str], lanes: int, run_length: int, commands: Sequence[str]
    ) -> int:
        if not queues:
            return 0
        # Each set of queues has a moving start of its own.
        looker = self._lanes.setdefault(tuple(queues), Lanes(self._db))
        news = self._waker.lane_news
        runs, more = await looker.claim(node_id, lanes, run_length, queues, commands)
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
        for command, count in (await repository.find_unknown(self._db, commands, UNKNOWN_LOOK_ROWS)).items():
            if command not in self._reported:
                self._reported.add(command)
                log.warning(
                    "command %r is not registered on this node; %d%s jobs of it stay queued for a node that knows it",
                    command, count, "+" if count >= UNKNOWN_LOOK_ROWS else "",
                )  # fmt: skip


def _place(job: Claimed) -> tuple[int, int]:
    return job.priority, job.id
