"""Whose turn it is in a named worker of this node: jobs that it has claimed, or transient runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.memory import Memory


class LaneTurns:
    """Hands lanes to transient runs, one after another, and never beside an attempt of this node.

    A run that has a lane stands in ``Memory`` like a handler that has lost its lease: what is claimed meanwhile waits
    there for its end. So an attempt of a node without transient runs costs nothing here but a look at ``waiting``.
    Jobs that were claimed while a run had the lane come before the runs that still wait for it.

    Attributes:
        waiting: transient runs that wait for a lane, by its name.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, deque[tuple[Attempt, asyncio.Future[None]]]] = {}
        self._holders: dict[str, Attempt] = {}
        self._memory: Memory | None = None
        self._go_on: Callable[[], None] = lambda: None

    def attach(self, memory: Memory, go_on: Callable[[], None]) -> None:
        """A node has started.

        Args:
            memory: its attempts.
            go_on: called when a lane is free again for attempts that waited for it.
        """
        self._memory, self._go_on = memory, go_on
        for holder in self._holders.values():
            memory.lost(holder)

    def detach(self, left: list[Attempt]) -> None:
        """The node has ended; these attempts still run in threads, and keep their lanes."""
        self._memory, self._go_on = None, lambda: None
        for attempt in left:
            if attempt.job.worker is not None:
                self._holders.setdefault(attempt.job.worker, attempt)
        for worker in list(self.waiting):
            self.look(worker)

    def holds(self, worker: str | None) -> bool:
        """True if a transient run has this lane."""
        return worker in self._holders

    def ask(self, attempt: Attempt, worker: str) -> asyncio.Future[None] | None:
        """Ask for a lane: None if the run has it, else the event to wait for; ``give_back`` ends both."""
        if worker not in self.waiting and self._is_free(worker):
            self._give(worker, attempt)
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(worker, deque()).append((attempt, future))
        return future

    def give_back(self, attempt: Attempt, worker: str) -> None:
        """Give the lane back, or stop waiting for it."""
        queue = self.waiting.get(worker)
        if queue is not None:
            kept = deque(entry for entry in queue if entry[0] is not attempt)
            if kept:
                self.waiting[worker] = kept
            else:
                del self.waiting[worker]
        if self._holders.get(worker) is attempt:
            del self._holders[worker]
            if self._memory is not None:
                self._memory.ended(attempt)
            self._go_on()  # jobs that have waited in memory
        self.look(worker)

    def look(self, worker: str | None) -> None:
        """Something in this lane is over: the next run may start, unless more attempts of the lane are in memory."""
        queue = self.waiting.get(worker) if worker is not None else None
        if queue is None or worker is None or not self._is_free(worker):
            return
        attempt, future = queue.popleft()
        if not queue:
            del self.waiting[worker]
        self._give(worker, attempt)
        if not future.done():
            future.set_result(None)

    def _give(self, worker: str, attempt: Attempt) -> None:
        self._holders[worker] = attempt
        if self._memory is not None:
            self._memory.lost(attempt)

    def _is_free(self, worker: str) -> bool:
        holder = self._holders.get(worker)
        if holder is not None and holder.forsaken and not holder.still_runs:
            del self._holders[worker]  # of a node that has ended: its thread has, too
            holder = None
        if holder is not None:
            return False
        return self._memory is None or not self._memory.has_lane(worker)
