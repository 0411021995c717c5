"""One execution of a job on this node, while it is in memory."""

from __future__ import annotations

from enum import StrEnum

import anyio

from dbjobs.commands import Command
from dbjobs.context import JobContext
from dbjobs.store.records import Claimed


class Stop(StrEnum):
    """Why an attempt was ended from outside."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    LOST = "lost"


class Attempt:
    """A claimed job on its way through this node.

    Attributes:
        node_id: the node in whose name it was claimed; part of the fence.
        scope: the cancel scope of the running handler; None while it waits for a slot.
        stop: why it is being ended from outside; the first reason stays.
        deadline: ``time.monotonic()`` at which it times out; infinity for never.
        stopped_at: when it was told to end.
        abandoned: its handler ignored the cancellation and its slot was given to another.
    """

    __slots__ = (
        "abandoned",
        "command",
        "context",
        "deadline",
        "job",
        "lane_goes_on",
        "lane_news",
        "lane_rest",
        "node_id",
        "scope",
        "stop",
        "stopped_at",
    )

    def __init__(self, job: Claimed, command: Command, node_id: int, context: JobContext) -> None:
        self.job = job
        self.command = command
        self.node_id = node_id
        self.context = context
        self.scope: anyio.CancelScope | None = None
        self.stop: Stop | None = None
        self.deadline = float("inf")
        self.stopped_at = 0.0
        self.abandoned = False
        # The jobs of the same lane that come after this one: (see lanes.py); None for a free job.
        self.lane_rest: list[Attempt] | None = None
        # The lane may have more jobs than were claimed: look again when this outcome has given it back.
        self.lane_goes_on = False
        # What Waker.lane_news was when it was claimed.
        self.lane_news = 0

    def end(self, reason: Stop, now: float) -> None:
        """Ask the attempt to end; running or not."""
        if self.stop is None or reason is Stop.LOST:
            self.stop = reason
        self.context.cancelled = True
        if self.scope is not None and not self.scope.cancel_called:
            self.stopped_at = now
            self.scope.cancel()
