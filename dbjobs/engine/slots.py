"""The tasks that attempts run in: a limited number. One wakes another; a task that a job has soiled is replaced."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Crew
from dbjobs.engine.steps import Seat

log = logging.getLogger("dbjobs")

# Handlers that never wait run one after another for this long, in whatever slots, then other tasks get their turn.
TURN_SECONDS = 0.002
# How long slots may take to end when the node has ended.
LAST_SECONDS = 1.0


class Slots:
    """Runs attempts in at most ``concurrency`` tasks.

    Args:
        run: runs an attempt; False if the slot was given to another meanwhile.
        on_room: called when a slot has come free.
        on_death: called with the error by which a slot ended without being asked to.

    Attributes:
        busy: slots that are running something.
    """

    def __init__(
        self,
        concurrency: int,
        crews: Sequence[Crew],
        run: Callable[[Attempt, Seat], Awaitable[bool]],
        on_room: Callable[[], None],
        on_death: Callable[[BaseException], None],
    ) -> None:
        self._concurrency = concurrency
        self._crews = list(crews)
        self._run = run
        self._on_room = on_room
        self._on_death = on_death
        self._idle: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._waking = False
        self._in_turn = False
        self._turn_ends = 0.0
        self._resuming = 0
        self._context = contextvars.copy_context()
        self._ending = False
        self.busy = 0

    @property
    def waiting(self) -> int:
        """Attempts that have no slot yet."""
        count = 0
        for crew in self._crews:
            count += len(crew.ready)
        return count

    def wake(self) -> None:
        """Wake one slot; it wakes the next before it starts (so no-op jobs do not wake a hundred)."""
        if self._waking or self._ending or not self._may_start:
            return
        while self._idle:
            future = self._idle.pop()
            if not future.done():
                self._waking = True
                future.set_result(None)
                return
        if self._count < self._concurrency:
            self._count += 1
            self._waking = True
            # A task of its own making: neither a task group, which would wait for a handler that never ends, nor
            # the loop's task factory, which may start it at once, inside this call.
            task = asyncio.Task(
                self._slot(), loop=asyncio.get_running_loop(), name="dbjobs-slot", context=self._context
            )
            self._tasks.add(task)
            task.add_done_callback(self._over)

    def give_away(self) -> None:
        """A slot is lost to a handler that does not end: another may take its place."""
        self.busy -= 1
        self._count -= 1
        self.wake()

    async def close(self) -> None:
        """End every slot; one that cannot be ended is left to the event loop."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
            for task in left:
                log.error("a handler did not end even when it was closed by force: %r", task)

    @property
    def _may_start(self) -> bool:
        for crew in self._crews:  # noqa: SIM110 - once a job: any() over a generator costs three times as much
            if crew.ready and crew.free:
                return True
        return False

    def _take(self) -> Attempt | None:
        chosen: Crew | None = None
        for crew in self._crews:
            if crew.ready and crew.free:
                if chosen is not None:
                    self._crews.append(self._crews.pop(0))  # another kind is first the next time
                    break
                chosen = crew
        return None if chosen is None else chosen.ready.popleft()

    async def _slot(self) -> None:
        loop = asyncio.get_running_loop()
        seat = Seat()
        try:
            await self._serve(loop, seat)
        finally:
            seat.leave(None)

    async def _serve(self, loop: asyncio.AbstractEventLoop, seat: Seat) -> None:
        while True:
            self._waking = False
            while True:
                if not self._in_turn:
                    self._begin_turn(loop)
                elif time.monotonic() > self._turn_ends:
                    if self._resuming:
                        break  # another slot goes on in the next turn, and wakes this one if there is work for two
                    self._resuming += 1
                    try:
                        await asyncio.sleep(0)
                    finally:
                        self._resuming -= 1
                    continue
                attempt = self._take()
                if attempt is None:
                    break
                self.busy += 1
                self.wake()
                if not await self._run(attempt, seat):
                    return  # another slot has replaced this one
                del attempt
                self.busy -= 1
                self._on_room()
                if not seat.is_fit:
                    self._count -= 1
                    self.wake()
                    return
            idle = loop.create_future()
            self._idle.append(idle)
            try:
                await idle
            finally:
                if not idle.done() or idle.cancelled():
                    self._idle.remove(idle)

    def _begin_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        # One for all slots: with one for each, a hundred of them would hold the loop for a hundred times as long.
        self._in_turn = True
        self._turn_ends = time.monotonic() + TURN_SECONDS
        loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._in_turn = False

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None or self._ending:
            return
        # An idle slot that somebody has cancelled (every task of the loop, perhaps) is replaced like a soiled one.
        if isinstance(error, asyncio.CancelledError):
            self._count -= 1
            self._waking = False
            self.wake()
            return
        self._on_death(error)
