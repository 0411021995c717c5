"""The attempts of this node: which may start, what follows one in its lane, and how they end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from dbjobs.commands.registry import Registry
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.children import Children
from dbjobs.engine.crews import DELIVERY_PLACES, Crew, Kind, bind, make_crews
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.execution import Execution
from dbjobs.engine.failure import stopped
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.memory import Memory
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.settings import Settings
from dbjobs.engine.slots import Slots
from dbjobs.engine.steps import Seat
from dbjobs.engine.transient.turns import LaneTurns
from dbjobs.engine.waiting import Waiting
from dbjobs.engine.waker import Waker
from dbjobs.store.own_thread import in_own_thread
from dbjobs.store.records import Outcome

log = logging.getLogger("dbjobs")

# A claimed job that gets no slot within this time (long jobs have them all) may run on another node.
UNSTARTED_SECONDS = 0.5
# A lane's run that takes longer than this is cut between two jobs: others want their turn, and see its jobs as started.
LONGEST_RUN_SECONDS = 1.0


class Runners:
    """Runs attempts in at most ``concurrency`` slots.

    Args:
        lease_ends: when the node's lease is over, by ``clock.now()``.
        current_node: the node id in force.
        is_served: whether jobs of a queue may start here now.
        on_death: called with the error by which a slot ended without being asked to.
        turns: the transient runs that wait for lanes of this node.

    Attributes:
        memory: every attempt, waiting ones included.
        crews: the places for each kind of handler.
        wanted_room: the dispatcher waits until ``room`` is above this; None if it does not wait.
        leasing: held while leases on lanes are taken. A claim may take several round trips; a lane that a transient run
            leased meanwhile would look like the claim's own.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        finisher: Finisher,
        deadlines: Deadlines,
        waker: Waker,
        reports: Reporter,
        *,
        max_payload_bytes: int,
        lease_ends: Callable[[], float],
        current_node: Callable[[], int | None],
        is_served: Callable[[str], bool],
        on_death: Callable[[BaseException], None],
        turns: LaneTurns,
    ) -> None:
        self._finisher = finisher
        self._waker = waker
        self._current_node = current_node
        self._is_served = is_served
        self._children = Children(settings.processes)
        self._execution = Execution(
            registry,
            finisher,
            deadlines,
            self._children,
            reports,
            max_payload_bytes=max_payload_bytes,
            lease_ends=lease_ends,
            current_node=current_node,
            on_call_ended=self._call_ended,
        )
        delivers = any(command.is_delivery for command in registry.runnable_commands())
        self._concurrency = settings.concurrency + (DELIVERY_PLACES if delivers else 0)
        self.crews: dict[Kind, Crew] = make_crews(settings, delivers=delivers)
        self._slots = Slots(self._concurrency, [*self.crews.values()], self._run, self._room_came, on_death)
        bind(self.crews, self._slots)
        self._left: dict[Attempt, Crew] = {}
        self._stopping = False
        self.memory = Memory(waker.look_on)
        self._waiting = Waiting(self.crews, self.memory, turns)
        # One lookup each per job, as for a method of this class.
        self._crew, self._add, self._deferred = self._waiting.crew, self._waiting.add, self._waiting.deferred
        self.leasing = asyncio.Lock()
        self._turns = turns
        self._wait_for_lanes = turns.waiting
        self.wanted_room: int | None = None

    @property
    def room(self) -> int:
        """Free slots not yet promised to waiting attempts (negative: more wait than there are slots)."""
        return self._concurrency - self._slots.busy - self._slots.waiting

    @property
    def busy(self) -> int:
        """Slots that are running something."""
        return self._slots.busy

    def push(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts over; for a lane only its first (the others follow in its ``lane_rest``)."""
        node_id = self._current_node()
        for attempt in attempts:
            if attempt.node_id != node_id:
                continue  # the lease was lost while the claim was answered: the jobs go with that node id
            self.memory.hold(attempt)
            for following in attempt.lane_rest or ():
                self.memory.hold(following)
            self._add(attempt)
        self._slots.wake()

    def drop_waiting(self, node_id: int) -> None:
        """Forget every attempt of a lost node id that has no slot yet."""
        for first in self._waiting.take(lambda attempt: attempt.node_id == node_id):
            for attempt in (first, *(first.lane_rest or ())):
                self.memory.release(attempt)
                self._turns.look(attempt.job.worker)

    def give_back_waiting(self) -> None:
        """Hand back, uncharged, every attempt that has no slot yet; from now on no lane's run goes on."""
        self._stopping = True
        self._give_back(self._waiting.take(lambda _: True))

    def yield_lane(self, worker: str) -> bool:
        """Make way for a transient run: hand back, uncharged, this lane's jobs that wait in memory. True if any did.

        The lane is not handed back. From here on it is the run's: this node still holds it, and nobody else takes it.
        """
        firsts = self._waiting.take(lambda attempt: attempt.job.worker == worker)
        for first in firsts:
            self._hand_back([first, *(first.lane_rest or ())])
        return bool(firsts)

    def give_back_paused(self, is_paused: Callable[[str], bool]) -> None:
        """Hand back, uncharged, what was claimed ahead from queues that are paused now: nothing more of them starts."""
        self._give_back(self._waiting.take(lambda attempt: is_paused(attempt.job.queue)))

    async def give_back_stuck(self) -> float:
        """Hand back jobs that were claimed ahead and got no slot since the last call; seconds until the next call."""
        self._give_back(self._waiting.take_stuck())
        self._waiting.note_ready()
        return UNSTARTED_SECONDS

    def cancel(self, ids: Iterable[int]) -> None:
        """Cancel these jobs if they are here."""
        now = time.monotonic()
        for id in ids:
            attempt = self.memory.held.get(id)
            if attempt is not None:
                attempt.end(Stop.CANCEL, now)

    def abandon(self, attempt: Attempt) -> None:
        """Close a handler that ignored its cancellation; if it still goes on, give its slot to another."""
        if attempt.stop is Stop.SHUTDOWN and attempt.still_runs:
            return  # the stop waits for it, and takes care of it (see ``forsake``)
        seconds = time.monotonic() - attempt.stopped_at
        told = f"job {attempt.job.id} ({attempt.job.command}) goes on {seconds:.0f} s after it was told to stop"
        if attempt.call is None and attempt.steps is not None and not attempt.steps.closed:
            log.error(
                "%s (%s); it is closed where it waits. Does the handler swallow cancellation?", told, attempt.stop
            )
            attempt.steps.close()
            return
        log.error(
            "%s (%s); its slot is replaced and its result will be refused%s. Does the handler block?",
            told, attempt.stop, "" if attempt.may_be_left else ", but its lane stays taken until it has ended",
        )  # fmt: skip
        attempt.abandoned = True
        if attempt.lane_rest is None:
            self._conclude(attempt, stopped(attempt, 0.0))
        self._slots.give_away()

    def forsake(self) -> list[Attempt]:
        """The node ends: close every handler. Those returned run on in threads; what they hold stays held."""
        left: list[Attempt] = []
        for attempt in self.memory.all():
            if attempt.still_runs:
                attempt.forsaken = True
                self._hand_back(attempt.lane_rest or [])
                left.append(attempt)
            elif attempt.steps is not None:
                attempt.steps.close()
        return left

    async def close(self) -> None:
        """End the slots and the idle processes."""
        self._execution.ending = True
        await self._slots.close()
        await in_own_thread(self._children.close)

    def undefer(self) -> None:
        """A handler that attempts in memory have waited for has ended."""
        if self._deferred:
            self._waiting.add_deferred()
            self._slots.wake()

    def _room_came(self) -> None:
        if self.wanted_room is not None and self.room > self.wanted_room:
            self.wanted_room = None
            self._waker.poke()

    # --- attempts -------------------------------------------------------------------------------

    async def _run(self, attempt: Attempt, seat: Seat) -> bool:
        """Run a free job, or a lane's run of jobs one after another (see Slots)."""
        current, crew = attempt, self._crew(attempt)
        while True:
            crew.busy += 1
            began = time.monotonic()
            if current.lane_rest is not None and current.lane_began is None:
                current.lane_began = began
            outcome = await self._execution.run(current, seat)
            crew.pace.ended(time.monotonic() - began, lane=current.lane_rest is not None, first=current is attempt)
            if current.still_runs:
                self._left[current] = crew
            else:
                crew.busy -= 1
            following = None
            if current.lane_rest is not None:
                outcome, following = self._in_lane(current, outcome, current.lane_rest)
            if not current.abandoned or current.lane_rest is not None:
                self._conclude(current, outcome)
            if current.abandoned:
                return False
            if following is None:
                return True
            current, crew = following, self._crew(following)
            if not seat.is_fit or not crew.free:
                crew.ready.appendleft(current)
                return True

    def _call_ended(self, attempt: Attempt) -> None:
        crew = self._left.pop(attempt, None)
        self.memory.ended(attempt)
        if crew is not None:
            crew.busy -= 1
            self._slots.wake()
            self._room_came()
        self.undefer()
        self._turns.look(attempt.job.worker)

    def _in_lane(
        self, attempt: Attempt, outcome: Outcome | None, rest: list[Attempt]
    ) -> tuple[Outcome | None, Attempt | None]:
        """What a lane does after an outcome: go on with the next job, or give the others back."""
        if outcome is None and attempt.stop is Stop.LOST:  # and so is the whole lane
            self._drop(rest)
            return None, None
        if outcome is not None and outcome.kind == "retry" and attempt.job.on_failure == "block":
            attempt.lane_goes_on = True
            self._hand_back(rest)
            return replace(outcome, block_worker=True), None
        if outcome is not None and outcome.kind == "hand_back":
            self._hand_back(rest)
            return replace(outcome, release_worker=True), None
        if rest and self._goes_on(attempt, rest[0]):
            following = rest.pop(0)
            following.lane_rest = rest
            following.lane_began = attempt.lane_began
            return outcome, following
        attempt.lane_goes_on = attempt.lane_goes_on or bool(rest)
        if outcome is not None:
            self._hand_back(rest)
            return replace(outcome, release_worker=True), None
        # Its handler has completed it in a transaction of its own: the lane goes with another outcome, or alone.
        if not self._hand_back(rest, with_lane=True):
            self._finisher.give_back_lane(attempt)
        return None, None

    def _goes_on(self, attempt: Attempt, following: Attempt) -> bool:
        """Check between two jobs: the node may be stopping, the queue paused, the run too long by now."""
        return (
            not self._stopping
            and not attempt.abandoned
            and self._is_served(following.job.queue)
            and (attempt.lane_began is None or time.monotonic() - attempt.lane_began < LONGEST_RUN_SECONDS)
        )

    def _give_back(self, firsts: Iterable[Attempt]) -> None:
        """Hand back free jobs and whole runs of lanes."""
        for first in firsts:
            self._hand_back([first, *(first.lane_rest or ())], with_lane=first.lane_rest is not None)

    def _hand_back(self, attempts: list[Attempt], *, with_lane: bool = False) -> bool:
        """Hand back attempts that have not started, the lane with the last of them; False if there are none."""
        last = attempts[-1] if attempts else None
        for attempt in attempts:
            outcome = Outcome(
                id=attempt.job.id,
                attempt=attempt.job.attempt,
                kind="hand_back",
                release_worker=with_lane and attempt is last,
            )
            self._conclude(attempt, outcome)
        attempts.clear()
        return last is not None

    def _drop(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            self.memory.release(attempt)
            self._turns.look(attempt.job.worker)
        attempts.clear()

    def _conclude(self, attempt: Attempt, outcome: Outcome | None) -> None:
        if outcome is not None and not attempt.context._settled and not attempt.forsaken:
            self._finisher.submit(attempt, outcome)
        attempt.context._settled = True
        self.memory.release(attempt)
        if self._deferred:
            self.undefer()
        if self._wait_for_lanes:
            self._turns.look(attempt.job.worker)
