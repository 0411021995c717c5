"""Which attempts are in memory, and how many each queue has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from dbjobs.engine.attempt import Attempt, Stop


class Memory:
    """Every attempt from its claim until it is over.

    Args:
        on_room: called when a queue that was at its limit has fewer jobs.

    Attributes:
        held: attempts by job id; the latest one of a job that came again after its lease was lost.
        per_queue: how many attempts each queue has.
        full_queues: queues that have as many as they may.
        leased: lanes that this node holds for transient runs.
    """

    def __init__(self, on_room: Callable[[], None]) -> None:
        self._on_room = on_room
        self._older: set[Attempt] = set()
        self._lost: set[Attempt] = set()
        self._quiet = asyncio.Event()
        self.held: dict[int, Attempt] = {}
        self.per_queue: Counter[str] = Counter()
        self.full_queues: set[str] = set()
        self.leased: set[str] = set()

    def all(self) -> list[Attempt]:
        """Every attempt, including the earlier ones of a job that came again."""
        return [*self.held.values(), *self._older]

    def running(self) -> list[Attempt]:
        """Every attempt, and those that are over while their handlers still run."""
        return [*self.all(), *(attempt for attempt in self._lost if not attempt.context.is_transient)]

    def has_lane(self, worker: str) -> bool:
        """True if an attempt of this lane is in memory, or its handler still runs."""
        return any(attempt.job.worker == worker for attempt in self.running())

    def hold(self, attempt: Attempt) -> None:
        """An attempt was claimed."""
        before = self.held.get(attempt.job.id)
        if before is not None:
            self._older.add(before)  # its lease was lost, and its handler runs on
        self.held[attempt.job.id] = attempt
        self.per_queue[attempt.job.queue] += 1

    def release(self, attempt: Attempt) -> None:
        """An attempt is over."""
        if self._lost and not attempt.still_runs:
            self._lost.discard(attempt)
        if self.held.get(attempt.job.id) is attempt:
            del self.held[attempt.job.id]
        elif attempt in self._older:
            self._older.discard(attempt)
        else:
            return
        queue = attempt.job.queue
        self.per_queue[queue] -= 1
        if self.full_queues and queue in self.full_queues:
            self.full_queues.clear()
            self._on_room()
        if not self.held and not self._older:
            self._quiet.set()

    def lost(self, attempt: Attempt) -> None:
        """The lease of an attempt whose handler runs is over: others may have its job, and its lane.

        A transient run that has a lane is held here, too: nothing of that lane may start beside it.
        """
        self._lost.add(attempt)

    def ended(self, attempt: Attempt) -> None:
        """The handler of an attempt has really ended, perhaps long after the attempt."""
        self._lost.discard(attempt)

    def overlaps(self, attempt: Attempt) -> bool:
        """True if a handler of the same job or lane still runs here: its lease was lost, or it is a transient run."""
        if not self._lost:
            return False
        job = attempt.job
        return any(
            other.job.id == job.id or (job.worker is not None and other.job.worker == job.worker)
            for other in self._lost
            if other is not attempt
        )

    async def quiet(self) -> None:
        """Wait until no attempt is in memory."""
        while self.held or self._older:
            self._quiet.clear()
            await self._quiet.wait()

    def end_all(self, reason: Stop, now: float, node_id: int | None = None) -> None:
        """Ask every attempt to end, or every one that was claimed for a node id."""
        for attempt in self.all():
            if node_id is None or attempt.node_id == node_id:
                if reason is Stop.LOST and attempt.steps is not None:
                    self.lost(attempt)
                attempt.end(reason, now)
