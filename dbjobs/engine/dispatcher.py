"""Claims batches of ready jobs for the free slots of this node."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext, Services
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.built_in import LOOK_SECONDS, BuiltIn
from dbjobs.engine.claims import Claims
from dbjobs.engine.crews import Kind, kind_of
from dbjobs.engine.deliveries import DeliveryClaims
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.queues import Queues
from dbjobs.engine.resilience import LoopDelay
from dbjobs.engine.runner import Runners
from dbjobs.engine.waker import Waker
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed, Outcome
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

# How often the rows held by this node are compared with memory (they must be the same).
RECONCILE_SECONDS = 60.0
UNKNOWN_SECONDS = 30.0
UNKNOWN_LOOK_ROWS = 1000
UNKNOWN_LOOK_QUEUES = 100


class Dispatcher:
    """The one loop that claims.

    Attributes:
        resting: True while nothing more may be claimed; what runs goes on.
        on_claimed: called with each batch of claimed jobs.
    """

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
        self._claims = [
            (DeliveryClaims if kind == "delivery" else Claims)(db, crew, runners, waker, queues, self._attempts)
            for kind, crew in runners.crews.items()
        ]
        self._built_in = BuiltIn(db, registry.built_in, runners, queues, self._attempts)
        self._must_reconcile = False
        self._next_reconcile = time.monotonic() + RECONCILE_SECONDS
        self._next_unknown = time.monotonic() + 1.0
        self._unknown_after = ""
        self._reported: set[str] = set()
        self._stopping = False
        self._is_waiting = False
        self.resting = False
        self._rests = asyncio.Event()
        self.on_claimed: Callable[[Sequence[Claimed]], None] = lambda _: None

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when the claim in flight is done."""
        self._stopping = True
        self._waker.poke()

    async def until_rested(self) -> None:
        """Wait for the end of a claim that was under way when ``resting`` was set."""
        await self._rests.wait()

    def reconcile_soon(self) -> None:
        """Compare soon: the database may hold jobs in this node's name that memory does not have."""
        self._must_reconcile = True
        self._waker.poke()

    def look_now(self) -> None:
        """Look for every kind of work, from the start, without a pause before it."""
        for claims in self._claims:
            claims.hurry()
        self._built_in.hurry()
        self._waker.look_everywhere()

    @property
    def is_quiet(self) -> bool:
        """True if it waits for news, and all looks since the last news found nothing."""
        if not self._is_waiting:
            return False
        if not self._registry.runnable():
            return True  # it never looks
        waker = self._waker
        told = waker.jobs or waker.lanes or waker.behind or waker.news or waker.queues_changed
        return not told and all(claims.is_content for claims in self._claims if claims.commands)

    async def run(self) -> None:
        """Claim until stopped."""
        backoff = LoopDelay("claiming jobs")
        while not self._stopping:
            try:
                node_id = self._current_node()
                if node_id is None:
                    await self._waker.wait()
                    continue
                await self._look(node_id)
            except Exception as error:
                # The claim may have been committed: then its jobs are not in memory.
                self._must_reconcile = True
                self._waker.look_everywhere()
                await backoff.failed(error)
            else:
                backoff.succeeded()

    async def _look(self, node_id: int) -> None:
        now = time.monotonic()
        if self._must_reconcile or now >= self._next_reconcile:
            await self._reconcile(node_id)
        kinds = self._kinds()
        await self._take_news(now, kinds)
        if not self.resting:
            await self._built_in.look(node_id)
        full = self._finisher.wants_room = self._finisher.full
        with_room = [] if full or self.resting else [claims for claims in kinds if claims.is_worthwhile]
        without = [] if full else [claims.crew.pace.ahead() for claims in kinds if claims not in with_room]
        # Claim again before everything in memory has begun; otherwise the slots would be idle during the claim.
        self._runners.wanted_room = -(3 * max(without) // 4) if without else None
        if self.resting:
            self._rests.set()
        else:
            self._rests.clear()
        if not with_room:
            await self._wait(LOOK_SECONDS)
            await asyncio.sleep(0)  # slots often come free together: let them
            return
        if self._waker.queues_changed:
            return  # a queue was paused since its settings were read, and its jobs must not be claimed
        looked = [await claims.look(node_id) for claims in with_room]
        if not any(looked):
            await self._rest(now, with_room)

    def _kinds(self) -> list[Claims]:
        """The claims of every kind of handler that has commands; the kinds take turns at being first."""
        names: dict[Kind, list[str]] = {}
        for command in self._registry.runnable_commands():
            names.setdefault(kind_of(command), []).append(command.name)
        for claims in self._claims:
            claims.commands = names.get(claims.crew.kind, ())
            claims.alone = len(names) == 1 + ("delivery" in names)
        self._claims.append(self._claims.pop(0))
        return [claims for claims in self._claims if claims.commands]

    async def _take_news(self, now: float, kinds: Sequence[Claims]) -> None:
        waker = self._waker
        if waker.queues_changed or now >= self._queues.refresh_at:
            waker.queues_changed = False
            if await self._queues.refresh(self._db):
                self._runners.give_back_paused(self._queues.is_paused)
                for claims in kinds:
                    claims.keep(self._queues.serves)
                waker.look_everywhere()  # jobs of a queue that was paused may have waited here
        news, waker.news = waker.news, {}
        served = {queue: what for queue, what in news.items() if self._queues.serves(queue)}
        for claims in kinds:
            claims.hear(news if claims.crew.kind == "delivery" else served)
        if kinds:
            waker.jobs = waker.lanes = waker.behind = False

    async def _rest(self, now: float, kinds: Sequence[Claims]) -> None:
        """Wait for news, the next poll, or the moment at which a look from the start is allowed again."""
        until = min(self._queues.refresh_at, *(claims.next_look for claims in kinds))
        looks_again = any(claims.looks_again for claims in kinds)
        if not await self._wait(max(until - now, 0.0)) and not looks_again:
            self._waker.look_everywhere()
            known = [command.name for command in self._registry.runnable_commands()]
            await self._report_unknown([*known, *self._registry.built_in])

    async def _wait(self, longest: float | None = None) -> bool:
        self._is_waiting = True
        try:
            return await self._waker.wait(longest)
        finally:
            self._is_waiting = False

    # --- both -----------------------------------------------------------------------------------

    def _attempts(self, node_id: int, claimed: Sequence[Claimed]) -> list[Attempt]:
        self.on_claimed(claimed)
        attempts: list[Attempt] = []
        command: Command | None = None
        for job in claimed:
            if command is None or command.name != job.command:
                command = self._registry.get(job.command)
                assert command is not None  # the claim asks for registered commands only
            attempts.append(Attempt(job, command, node_id, JobContext(job, self._services, node_id)))
        return attempts

    async def _reconcile(self, node_id: int) -> None:
        """Give back jobs that this node holds in the database but not in memory: a claim's answer was lost."""
        held = await repository.find_held(self._db, node_id, 100_000)
        running = self._runners.memory.running()
        known = {attempt.job.id for attempt in running} | self._finisher.holds()
        strays = [job for job in held if job.id not in known]
        lanes = {attempt.job.worker for attempt in running} | self._finisher.lanes() | self._runners.memory.leased
        stray_lanes = [lane for lane in await repository.find_held_workers(self._db, node_id) if lane not in lanes]
        if strays:
            log.warning("the answer to a claim was lost; handing back %s", counted(len(strays), "job"))
            outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="hand_back") for job in strays]
            await repository.hand_back_jobs(self._db, node_id, outcomes)
        if stray_lanes:
            await repository.release_workers(self._db, node_id, stray_lanes)
        self._must_reconcile = False
        self._next_reconcile = time.monotonic() + RECONCILE_SECONDS

    async def _report_unknown(self, commands: Sequence[str]) -> None:
        """Log which ready jobs this node cannot run; they stay queued."""
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
                    "command %r is not registered on this node; queued for a node that knows it: %s",
                    command, f"{count}+ jobs" if count >= UNKNOWN_LOOK_ROWS else counted(count, "job"),
                )  # fmt: skip
