"""Where handlers run: in the event loop, in a thread, or in a process. Each kind has its own limit.

Deliveries are a kind of their own, on nodes that have a notifier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from dbjobs.commands.registry import Command
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.pace import Pace
from dbjobs.engine.settings import Settings

Kind = Literal["loop", "thread", "process", "delivery"]
# Deliveries that a node makes at the same time, beside its ``concurrency``.
DELIVERY_PLACES = 10


def kind_of(command: Command) -> Kind:
    """The kind of place that a command's handler runs in."""
    if command.is_delivery:
        return "delivery"
    if command.is_async:
        return "loop"
    return "process" if command.process else "thread"


class Crew:
    """The places for one kind of handler.

    Attributes:
        limit: how many run at the same time.
        busy: how many run now, including those that go on after their slot has left them.
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

    @property
    def spare(self) -> int:
        """Room for no more than this is left for the next claim: a statement for a few jobs costs nearly as much."""
        return self.pace.ahead() // 4

    def room(self, slots: int) -> int:
        """How many jobs of this kind may be claimed.

        Args:
            slots: free slots of the node that nothing waits for.
        """
        return min(slots, self.limit - self.busy - len(self.ready)) + self.pace.ahead()


class SharedCrew(Crew):
    """A crew on a node that also delivers: these crews share the node's places, and deliveries have their own.

    Attributes:
        crews: all that share the places, this one included.
    """

    __slots__ = ("_in_use", "_places", "crews")

    def __init__(self, kind: Kind, limit: int, places: int) -> None:
        super().__init__(kind, limit)
        self._places = places
        self._in_use: Callable[[], int] = lambda: 0
        self.crews: Sequence[Crew] = ()

    def bind(self, crews: Sequence[Crew], in_use: Callable[[], int]) -> None:
        """Set the crews that it shares its places with.

        Args:
            in_use: how many slots run something other than deliveries.
        """
        self.crews, self._in_use = crews, in_use

    @property
    def free(self) -> bool:
        return self.busy < self.limit and self._in_use() < self._places

    def room(self, slots: int) -> int:
        waiting = sum(len(crew.ready) for crew in self.crews)
        own = self.limit - self.busy - len(self.ready)
        return min(self._places - self._in_use() - waiting, own) + self.pace.ahead()


class DeliveryCrew(Crew):
    """The places for deliveries, apart from all others: a receiver that does not answer takes no other job's place."""

    __slots__ = ("_busy", "changed")

    def __init__(self, limit: int) -> None:
        self._busy = 0
        self.changed: Callable[[], None] = lambda: None
        super().__init__("delivery", limit)

    @property
    def busy(self) -> int:
        """How many run now. A slot that has begun a delivery no longer counts as the other crews': they are told."""
        return self._busy

    @busy.setter
    def busy(self, count: int) -> None:
        self._busy = count
        self.changed()

    @property
    def spare(self) -> int:
        return 0

    def room(self, slots: int) -> int:
        """How many may be claimed: none ahead, because other nodes may have free places."""
        return self.limit - self.busy - len(self.ready)


def make_crews(settings: Settings, *, delivers: bool) -> dict[Kind, Crew]:
    """The crews of a node; with ``delivers`` also one for deliveries, and all are then to be bound to the slots."""
    limits: dict[Kind, int] = {"loop": settings.concurrency, "thread": settings.threads, "process": settings.processes}
    if not delivers:
        return {kind: Crew(kind, limit) for kind, limit in limits.items()}
    crews: dict[Kind, Crew] = {kind: SharedCrew(kind, limit, settings.concurrency) for kind, limit in limits.items()}
    return {**crews, "delivery": DeliveryCrew(DELIVERY_PLACES)}


class BusySlots(Protocol):
    """Slots, as crews see them."""

    busy: int

    def wake(self) -> None: ...


def bind(crews: dict[Kind, Crew], slots: BusySlots) -> None:
    """Let the crews of a node that delivers know how many of its slots are taken, and by whom."""
    delivery = crews.get("delivery")
    if not isinstance(delivery, DeliveryCrew):
        return
    shared = [crew for crew in crews.values() if isinstance(crew, SharedCrew)]
    for crew in shared:
        crew.bind(shared, lambda: slots.busy - delivery.busy)
    delivery.changed = slots.wake
