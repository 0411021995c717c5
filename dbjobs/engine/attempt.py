"""One execution of a job on this node, while it is in memory."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dbjobs.commands.registry import Command
from dbjobs.context import JobContext
from dbjobs.store.records import Claimed

if TYPE_CHECKING:
    from dbjobs.engine.blocking import Call
    from dbjobs.engine.steps import Steps


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
        steps: drives the handler while it runs; None before and after.
        call: the call in a thread or process that its handler makes; None for an async handler. It may go on after
            the attempt was told to end.
        stop: why it is being ended from outside; the first reason stays.
        deadline: ``time.monotonic()`` at which it times out; infinity for never, and until the handler starts.
        stopped_at: when its handler was told to end.
        told_at: when it was last told so.
        abandoned: its handler ignored the cancellation and its slot was given to another.
        forsaken: the node has ended without it; nothing may be written in its name by this loop.
    """

    __slots__ = (
        "abandoned",
        "call",
        "command",
        "context",
        "deadline",
        "forsaken",
        "job",
        "lane_began",
        "lane_goes_on",
        "lane_news",
        "lane_rest",
        "node_id",
        "steps",
        "stop",
        "stopped_at",
        "told_at",
    )

    def __init__(self, job: Claimed, command: Command, node_id: int, context: JobContext) -> None:
        self.job = job
        self.command = command
        self.node_id = node_id
        self.context = context
        self.steps: Steps | None = None
        self.call: Call | None = None
        self.stop: Stop | None = None
        self.deadline = float("inf")
        self.stopped_at = 0.0
        self.told_at = 0.0
        self.abandoned = False
        self.forsaken = False
        # The jobs of the same lane that come after this one (see lanes.py); None for a free job.
        self.lane_rest: list[Attempt] | None = None
        # When the first job of the lane's run started.
        self.lane_began: float | None = None
        # The lane may have more jobs than were claimed: look again when this outcome has given it back.
        self.lane_goes_on = False
        # Waker.lane_news at the time of its claim.
        self.lane_news = 0

    @property
    def may_be_left(self) -> bool:
        """True if the slot need not wait for a thread that cannot be interrupted.

        A lane must not overlap itself, and a job that is handed back must not run beside itself.
        """
        return self.forsaken or (self.lane_rest is None and self.stop is not Stop.SHUTDOWN)

    @property
    def still_runs(self) -> bool:
        """True while a thread or process works for it."""
        return self.call is not None and self.call.running

    @property
    def name(self) -> tuple[str, int]:
        """Its name in the log: a job or a transient run, and its number."""
        return ("transient run", -self.job.id) if self.context.is_transient else ("job", self.job.id)

    def end(self, reason: Stop, now: float) -> None:
        """Ask the attempt to end; running or not."""
        if self.stop is None or reason is Stop.LOST:
            self.stop = reason
        self.context.cancelled = True
        if self.steps is not None and not self.stopped_at:
            self.stopped_at = self.told_at = now
            self.steps.cancel()
        elif self.steps is not None and reason is Stop.LOST and self.call is not None:
            self.steps.remind()  # it waits for its thread, and no longer has to

    def remind(self, now: float) -> None:
        """Interrupt again an async handler that has not ended."""
        self.told_at = now
        if self.steps is not None and self.call is None:
            self.steps.remind()
