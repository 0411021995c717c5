"""Claims batches of ready jobs for the free slots of this node."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from dbjobs.commands import Registry
from dbjobs.context import JobContext, Services
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Kind, kind_of
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.looks import START, Looks
from dbjobs.engine.queues import Queues
from dbjobs.engine.resilience import Backoff
from dbjobs.engine.runner import Runners
from dbjobs.engine.waker import Waker
from dbjobs.errors import DatabaseError
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed, Outcome

log = logging.getLogger("dbjobs")

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
        self._looks = [Looks(crew) for crew in runners.crews.values()]
        self._turn = 0
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
            except DatabaseError as error:
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
        kinds = self._kinds()
        self._hear(kinds)
        with_room = [looks for looks in kinds if self._room(looks) > 0]
        if not with_room:
            self._runners.wants_room = True
            await self._waker.wait()
            await asyncio.sleep(0)  # slots often come free together: let them
            return
        # Skip this while every queue is at its limit; what is wanted stays wanted until one of their jobs ends.
        open_queues = bool(self._open_queues())
        looked = False
        for looks in with_room:
            looked = await self._look_for(node_id, looks, open_queues, alone=len(kinds) == 1) or looked
        if not looked:
            self._runners.wants_room = len(with_room) < len(kinds)
            await self._rest(now, with_room, open_queues)

    def _kinds(self) -> list[Looks]:
        """Looks for every kind of handlers that there are commands for; each comes first in its turn."""
        names: dict[Kind, list[str]] = {}
        for command in self._registry.runnable_commands():
            names.setdefault(kind_of(command), []).append(command.name)
        for looks in self._looks:
            looks.commands = names.get(looks.crew.kind, ())
        self._looks.append(self._looks.pop(0))
        return [looks for looks in self._looks if looks.commands]

    def _hear(self, kinds: Sequence[Looks]) -> None:
        waker = self._waker
        for looks in kinds:
            looks.hear(waker, waker.most_urgent)
        if kinds:
            waker.jobs = waker.lanes = waker.behind = False
            waker.most_urgent = None

    async def _look_for(self, node_id: int, looks: Looks, open_queues: bool, *, alone: bool) -> bool:
        """Claim jobs and lanes of one kind, if there is news of any; False if there was none."""
        now = time.monotonic()
        full = open_queues and looks.full.is_due(now, behind=looks.behind, jobs=looks.jobs)
        want_jobs = open_queues and (looks.jobs or full) and now >= looks.allowed_at
        news = looks.lanes
        want_lanes = news or now >= looks.next_lanes
        room = self._room(looks)
        if room < 1 or not (want_lanes or want_jobs):
            return False
        looks.lanes = False
        looks.jobs = looks.jobs and not want_jobs
        # When both have work each gets its half, and they take turns at being first.
        share = room if not (news and want_jobs) else max(1, room // 2)
        self._lanes_first = news and not self._lanes_first
        if want_lanes and self._lanes_first:
            await self._claim_lanes(node_id, looks, share)
            share = self._room(looks)
        if want_jobs:
            began = time.monotonic()
            found = await self._claim_jobs(node_id, looks, share, full)
            looks.ended(began, found, alone=alone)
        if want_lanes and not self._lanes_first:
            await self._claim_lanes(node_id, looks, self._room(looks))
        return True

    async def _rest(self, now: float, kinds: Sequence[Looks], open_queues: bool) -> None:
        """Wait for news, the next poll, or the moment at which a look is allowed again."""
        until = self._queues.refresh_at
        looks_again = False
        for looks in kinds:
            until = min(until, looks.next_lanes)
            if open_queues and looks.behind:
                looks_again = True
                until = min(until, max(looks.full.allowed_at, looks.allowed_at))
            elif open_queues and looks.jobs:
                until = min(until, looks.allowed_at)
        if not await self._waker.wait(max(until - now, 0.0)) and not looks_again:
            self._waker.look_everywhere()
            await self._report_unknown(self._registry.runnable())

    def _room(self, looks: Looks) -> int:
        """How many jobs of a kind may be claimed now: free slots, and a little ahead."""
        if self._finisher.full:
            return 0
        return looks.crew.room(self._runners.room)

    # --- free jobs ------------------------------------------------------------------------------

    def _open_queues(self) -> list[tuple[str, int | None]]:
        """(queue, how many more of its jobs may be claimed, None for any number) of those not at their limit."""
        queues: list[tuple[str, int | None]] = []
        memory = self._runners.memory
        for queue, limit in self._queues.served():
            free = None if limit is None else limit - memory.per_queue[queue]
            if free is None or free > 0:
                queues.append((queue, free))
            else:
                memory.full_queues.add(queue)
        return queues

    async def _claim_jobs(self, node_id: int, looks: Looks, room: int, full: bool) -> int:
        wanted: list[repository.Wanted] = []
        for queue, free in self._open_queues():
            priority, id = START if full else looks.places.get(queue, START)
            wanted.append((queue, room if free is None else min(room, free), priority, id))
        if room < 1 or not wanted:
            looks.jobs = True
            return 0
        # Every queue comes first in its turn, so that none takes all the room for ever.
        self._turn = (self._turn + 1) % len(wanted)
        wanted = wanted[self._turn :] + wanted[: self._turn]
        if full:
            looks.behind = False
        began = time.monotonic()
        claimed = await repository.claim_jobs(self._db, node_id, wanted, room, looks.commands)
        if full:
            looks.full.ended(began)
        claimed.sort(key=lambda job: (job.priority, job.id))
        looks.note(wanted, claimed, full=full)
        if len(claimed) >= room:
            looks.jobs = True
        if claimed:
            self._runners.push(self._attempts(node_id, claimed))
        return len(claimed)

    # --- named workers --------------------------------------------------------------------------

    async def _claim_lanes(self, node_id: int, looks: Looks, room: int) -> int:
        if room < 1:
            looks.lanes = True
            return 0
        looks.next_lanes = time.monotonic() + self._waker.poll_seconds
        open_queues = self._open_queues()
        claimed = await self._claim_lanes_of(
            node_id,
            looks,
            [queue for queue, free in open_queues if free is None],
            room,
            looks.crew.pace.run_length(),
        )
        # A queue's limit counts attempts in memory: as many lanes as it has room for, with one job each.
        for queue, free in open_queues:
            if free is not None and claimed < room:
                claimed += await self._claim_lanes_of(node_id, looks, [queue], min(free, room - claimed), 1)
        return claimed

    async def _claim_lanes_of(
        self, node_id: int, looks: Looks, queues: Sequence[str], lanes: int, run_length: int
    ) -> int:
        if not queues:
            return 0
        news = self._waker.lane_news
        # Each set of queues has a moving start of its own.
        runs, more = await looks.lanes_of(self._db, queues).claim(node_id, lanes, run_length, queues, looks.commands)
        if more:
            looks.lanes = True
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
        running = self._runners.memory.running()
        known = {attempt.job.id for attempt in running} | self._finisher.holds()
        strays = [job for job in held if job.id not in known]
        lanes = {attempt.job.worker for attempt in running} | self._finisher.lanes()
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
