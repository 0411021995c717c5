"""Where handlers run: in the event loop, in a thread, or in a process. Each kind has its own limit."""

from __future__ import annotations

from collections import deque
from typing import Literal

from dbjobs.commands.registry import Command
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.pace import Pace

Kind = Literal["loop", "thread", "process"]


def kind_of(command: Command) -> Kind:
    """The kind of place that a command's handler runs in."""
    if command.is_async:
        return "loop"
    return "process" if command.process else "thread"


class Crew:
    """The places for one kind of handler.

    Attributes:
        limit: how many run at the same time.
        busy: how many run now, those included that go on after their slot has left them.
        ready: attempts that wait in memory for a place.
        pace: how fast attempts of this kind end.
    """

    __slots__ = ("busy", "kind", "limit", "pace", "ready")

    def __init__(self, kind: Kind, limit: int) -> None:
        self.kind: Kind = kind
        self.limit = limit
        self.busy = 0
        self.ready: deque[Attempt] = deque()
        self.pace = Pace()

    @property
    def free(self) -> bool:
        """True if one more may start."""
        return self.busy < self.limit

    def room(self, slots: int) -> int:
        """How many jobs of this kind may be claimed.

        Args:
            slots: free slots of the node that nothing waits for.
        """
        return min(slots, self.limit - self.busy - len(self.ready)) + self.pace.ahead()
