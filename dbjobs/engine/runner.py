"""A fixed set of slots that run attempts from memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio
from msgspec.structs import replace

from dbjobs import clock, codec
from dbjobs.commands import Command, Registry
from dbjobs.context import current_job
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.failure import failed, stopped
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.pace import Pace
from dbjobs.engine.shelter import Shelter
from dbjobs.engine.waker import Waker
from dbjobs.errors import UnknownCommand
from dbjobs.store.records import Outcome

log = logging.getLogger("dbjobs")

# Handlers that never wait are run one after another for so long before other tasks get their turn.
TURN_SECONDS = 0.005
# A claimed job that gets no slot for so long (all are taken by long ones) may be run by another node.
UNSTARTED_SECONDS = 0.5


class Runners:
    """Runs attempts in at most ``concurrency`` tasks.

    Attributes:
        held: every attempt in memory by job id, waiting ones included.
        per_queue: how many of them each queue has.
        full_queues: queues that have as many as they may; the dispatcher is woken when one of them has fewer.
        pace: how fast jobs end, for the dispatcher.
    """

    def __init__(
        self,
        concurrency: int,
        threads: int,
        registry: Registry,
        finisher: Finisher,
        deadlines: Deadlines,
        waker: Waker,
        max_payload_bytes: int,
        lease_ends: Callable[[], float],
    ) -> None:
        self._concurrency = concurrency
        self._registry = registry
        self._finisher = finisher
        self._deadlines = deadlines
        self._waker = waker
        self._max_payload_bytes = max_payload_bytes
        self._lease_ends = lease_ends
        self._threads = anyio.CapacityLimiter(threads)
        self._ready: deque[Attempt] = deque()
        self._stuck: Attempt | None = None
        self._idle: list[asyncio.Future[None]] = []
        self._runners = 0
        self._busy = 0
        self._waking = False
        self._tasks: Shelter | None = None
        self._quiet = asyncio.Event()
        self.held: dict[int, Attempt] = {}
        self.per_queue: Counter[str] = Counter()
        self.full_queues: set[str] = set()
        self.pace = Pace()
        self.wanted_room = 0

    def open(self, tasks: Shelter) -> None:
        """Take the shelter that the slots live in."""
        self._tasks = tasks

    @property
    def room(self) -> int:
        """Free slots not yet promised to waiting attempts (negative: more wait than there are slots)."""
        return self._concurrency - self._busy - len(self._ready)

    @property
    def busy(self) -> int:
        """Slots that are running something."""
        return self._busy

    def push(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts over; for a lane only its first (the others follow in its ``lane_rest``)."""
        for attempt in attempts:
            self._hold(attempt)
            for following in attempt.lane_rest or ():
                self._hold(following)
        self._ready.extend(attempts)
        self._wake_one()

    def take_waiting(self) -> list[Attempt]:
        """Take back every attempt that has no slot yet (for a stop or a lost lease)."""
        waiting = list(self._ready)
        self._ready.clear()
        return [attempt for first in waiting for attempt in (first, *(first.lane_rest or ()))]

    def give_back_waiting(self) -> None:
        """Hand back, uncharged, every attempt that has no slot yet."""
        for attempt in self.take_waiting():
            self._conclude(
                attempt,
                Outcome(
                    id=attempt.job.id,
                    attempt=attempt.job.attempt,
                    kind="hand_back",
                    release_worker=attempt.job.worker is not None,
                ),
            )

    async def give_back_stuck(self) -> float:
        """Hand back what was claimed ahead if no slot has come free since the last call; seconds until the next."""
        if self._ready and self._ready[0] is self._stuck:
            self.give_back_waiting()
        self._stuck = self._ready[0] if self._ready else None
        return UNSTARTED_SECONDS

    def release(self, attempt: Attempt) -> None:
        """The attempt is no longer in memory."""
        if self.held.get(attempt.job.id) is attempt:
            del self.held[attempt.job.id]
            self.per_queue[attempt.job.queue] -= 1
            if self.full_queues and attempt.job.queue in self.full_queues:
                self.full_queues.clear()
                self._waker.look_on()
            if not self.held:
                self._quiet.set()

    def end_all(self, reason: Stop) -> None:
        """Ask every attempt to end."""
        now = time.monotonic()
        for attempt in list(self.held.values()):
            attempt.end(reason, now)

    def cancel(self, ids: Iterable[int]) -> None:
        """Cancel these jobs if they are here."""
        now = time.monotonic()
        for id in ids:
            attempt = self.held.get(id)
            if attempt is not None:
                attempt.end(Stop.CANCEL, now)

    async def quiet(self) -> None:
        """Wait until no attempt is in memory."""
        while self.held:
            self._quiet.clear()
            await self._quiet.wait()

    def abandon(self, attempt: Attempt) -> None:
        """A cancelled handler goes on: write its outcome without it, and give its slot to another."""
        log.error(
            "job %s (%s) goes on %.0f s after it was told to stop (%s); its slot is replaced and its result "
            "will be refused. Does the handler swallow cancellation or block?",
            attempt.job.id, attempt.job.command, time.monotonic() - attempt.stopped_at, attempt.stop,
        )  # fmt: skip
        attempt.abandoned = True
        self._busy -= 1
        self._runners -= 1
        if attempt.lane_rest is None:
            self._conclude(attempt, stopped(attempt, 0.0))
        # A lane stays taken until the handler has really ended: it must not overlap itself.
        self._wake_one()

    # --- slots ----------------------------------------------------------------------------------

    def _hold(self, attempt: Attempt) -> None:
        self.held[attempt.job.id] = attempt
        self.per_queue[attempt.job.queue] += 1

    def _wake_one(self) -> None:
        """Wake one slot; it wakes the next before it starts (so no-op jobs do not wake a hundred)."""
        if not self._ready or self._waking:
            return
        while self._idle:
            future = self._idle.pop()
            if not future.done():
                self._waking = True
                future.set_result(None)
                return
        if self._runners < self._concurrency and self._tasks is not None:
            self._runners += 1
            self._waking = True
            self._tasks.start_soon(self._slot)

    async def _slot(self) -> None:
        loop = asyncio.get_running_loop()
        self._waking = False
        turn_ends = time.monotonic() + TURN_SECONDS
        while True:
            while self._ready:
                attempt = self._ready.popleft()
                self._busy += 1
                if self._ready:
                    self._wake_one()
                if not await self._run(attempt):
                    return  # abandoned: another slot has replaced this one
                self._busy -= 1
                if self.wanted_room and self.room >= self.wanted_room:
                    self.wanted_room = 0
                    self._waker.poke()
                if time.monotonic() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = time.monotonic() + TURN_SECONDS
            idle = loop.create_future()
            self._idle.append(idle)
            await idle
            self._waking = False
            turn_ends = time.monotonic() + TURN_SECONDS

    # --- attempts -------------------------------------------------------------------------------

    async def _run(self, attempt: Attempt) -> bool:
        """Run a free job, or a lane's run of jobs one after another; False if the slot was replaced."""
        current: Attempt | None = attempt
        rest = attempt.lane_rest
        while current is not None:
            outcome = await self._attempt(current)
            following = None
            if rest is not None:
                if current.abandoned:
                    self._hand_back(rest)
                outcome, following = self._in_lane(current, outcome, rest)
            if not current.abandoned or rest is not None:
                self._conclude(current, outcome)
            if current.abandoned:
                return False
            current = following
        return True

    def _in_lane(
        self, attempt: Attempt, outcome: Outcome | None, rest: list[Attempt]
    ) -> tuple[Outcome | None, Attempt | None]:
        """What a lane does after an outcome: go on with the next job, or give the others back."""
        if outcome is None and attempt.stop is Stop.LOST:  # and so is the whole lane
            self._drop(rest)
            return None, None
        if outcome is None:  # its handler has completed it in a transaction of its own
            if not rest:
                self._finisher.give_back_lane(attempt)
            return None, self._following(rest)
        if outcome.kind == "hand_back":
            self._hand_back(rest)
            return replace(outcome, release_worker=True), None
        if outcome.kind == "retry" and attempt.job.on_failure == "block":
            attempt.lane_goes_on = True
            self._hand_back(rest)
            return replace(outcome, block_worker=True), None
        if not rest:
            return replace(outcome, release_worker=True), None
        return outcome, self._following(rest)

    @staticmethod
    def _following(rest: list[Attempt]) -> Attempt | None:
        if not rest:
            return None
        following = rest.pop(0)
        following.lane_rest = rest
        return following

    def _hand_back(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            self._conclude(attempt, Outcome(id=attempt.job.id, attempt=attempt.job.attempt, kind="hand_back"))
        attempts.clear()

    def _drop(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            self.release(attempt)
        attempts.clear()

    def _conclude(self, attempt: Attempt, outcome: Outcome | None) -> None:
        if outcome is not None and not attempt.context.settled:
            self._finisher.submit(attempt, outcome)
        attempt.context.settled = True
        self.release(attempt)

    async def _attempt(self, attempt: Attempt) -> Outcome | None:
        """Run the handler once; the outcome, or None if there is nothing to write."""
        started = time.monotonic()
        if clock.now() > self._lease_ends():
            attempt.stop = Stop.LOST  # this process was suspended: others may be running it by now
        if attempt.stop is not None:
            return stopped(attempt, 0.0)
        job = attempt.job
        if job.timeout_seconds:
            attempt.deadline = started + job.timeout_seconds
            self._deadlines.watch(attempt.deadline)
        response: Any = None
        error: BaseException | None = None
        token = current_job.set(attempt.context)
        try:
            with anyio.CancelScope() as scope:
                attempt.scope = scope
                if job.executed_at is None:
                    request = codec.decode_request(
                        attempt.command.decode, job.request_body, command=job.command
                    ) if attempt.command.takes_request else None  # fmt: skip
                    response = await self._call(attempt.command, request, attempt)
                else:
                    response = await self._callback(attempt, job.response_body)
        except Exception as raised:
            error = raised
        except asyncio.CancelledError as raised:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the node itself is being cancelled
            error = raised  # the handler cancelled itself, or awaited something that was cancelled
        except (SystemExit, GeneratorExit, BaseExceptionGroup) as raised:
            error = raised
        finally:
            current_job.reset(token)
            attempt.scope = None
        duration_ms = (time.monotonic() - started) * 1000
        self.pace.ended(duration_ms / 1000, lane=attempt.lane_rest is not None)
        if attempt.context.settled or (attempt.abandoned and attempt.lane_rest is None):
            return None
        if attempt.stop is not None and not (
            attempt.stop is Stop.SHUTDOWN and error is None and not scope.cancelled_caught
        ):
            return stopped(attempt, duration_ms)
        if attempt.context.executed_body is not None and job.executed_at is None:
            return await self._run_callback(attempt, attempt.context.executed_body[0])
        if error is not None:
            return failed(attempt, error, duration_ms)
        return await self._succeeded(attempt, response, duration_ms)

    async def _succeeded(self, attempt: Attempt, response: Any, duration_ms: float) -> Outcome | None:
        job, context = attempt.job, attempt.context
        body: str | None = None
        if job.executed_at is None and response is not None:
            try:
                body = codec.encode(response, what=f"the response of {job.command!r}", limit=self._max_payload_bytes)
            except Exception as error:
                return failed(attempt, error, duration_ms)
        outcome = Outcome(
            id=job.id,
            attempt=job.attempt,
            kind="completed",
            response=None if body is None else type(response).__name__,
            response_body=body,
            duration_ms=duration_ms,
            progress=context.progress_value,
            status=context.status,
        )
        if job.callback is None or job.executed_at is not None:
            return outcome
        # The body is done for good before the callback starts: a crash from here on repeats only the callback.
        if not await self._finisher.durably(attempt, replace(outcome, kind="executed")):
            attempt.stop = Stop.LOST
            return None
        return await self._run_callback(attempt, body)

    async def _run_callback(self, attempt: Attempt, body: str | None) -> Outcome | None:
        # As the row is now: any time in executed_at says that only the callback is left.
        job = attempt.job
        attempt.context.executed_body = (body,)
        attempt.job = replace(
            job,
            executed_at=job.created_at,
            response_body=body,
            attempt_base=job.attempt - 1,
            has_dependents=True,
        )
        return await self._attempt(attempt)

    async def _callback(self, attempt: Attempt, response_body: str | None) -> Any:
        name = attempt.job.callback or ""
        callback = self._registry.get(name)
        if callback is None or callback.handler is None:
            raise UnknownCommand(f"callback {name!r} is not registered on this node")
        request = codec.decode_request(callback.decode, response_body, command=name) if callback.takes_request else None
        return await self._call(callback, request, attempt)

    async def _call(self, command: Command, request: Any, attempt: Attempt) -> Any:
        handler: Any = command.handler
        arguments: tuple[Any, ...]
        if command.takes_request:
            arguments = (request, attempt.context) if command.takes_context else (request,)
        else:
            arguments = (attempt.context,) if command.takes_context else ()
        if command.is_async:
            return await handler(*arguments)
        if command.process:
            return await anyio.to_process.run_sync(handler, *arguments, cancellable=True)
        # The thread cannot be interrupted; it is left behind, and the fence refuses what it does late. Not so
        # in a lane, which must not overlap itself: there it is waited for, as for a stubborn async handler.
        leave = attempt.lane_rest is None
        return await anyio.to_thread.run_sync(handler, *arguments, abandon_on_cancel=leave, limiter=self._threads)
