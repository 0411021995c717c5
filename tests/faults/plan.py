"""What shall happen to which round trip: a test arms one fault at a time, and sees that it was met."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from dbjobs.errors import DatabaseUnavailable
from tests.faults.origin import caller_of_database

T = TypeVar("T")

ANY = "any loop"
_LOOK_SECONDS = 0.002


class Fault(StrEnum):
    """What can happen to a round trip.

    REFUSED: nothing is sent; the caller gets DatabaseUnavailable.
    DELAYED: nothing is sent until the test releases it.
    LOST: it is sent and done, but the caller gets DatabaseUnavailable instead of the answer.
    CANCELLED: the task that waits for the answer is cancelled while it waits.
    BROKEN: the driver raises what no driver should (AttributeError).
    """

    REFUSED = "refused"
    DELAYED = "delayed"
    LOST = "lost"
    CANCELLED = "cancelled"
    BROKEN = "broken"


class Point(NamedTuple):
    """One round trip: who makes it, and what it is (a statement's name, or BEGIN, COMMIT, OPEN, LISTEN)."""

    loop: str
    what: str


class Plan:
    """The round trips seen so far, and the fault that waits for the next one of a kind. Safe in threads.

    Attributes:
        seen: how often each round trip was made.
    """

    def __init__(self) -> None:
        self.seen: Counter[Point] = Counter()
        self._lock = threading.Lock()
        self._armed: tuple[Point, Fault] | None = None
        self._met = threading.Event()
        self._released = threading.Event()

    def arm(self, point: Point, fault: Fault) -> None:
        """The next round trip of this kind meets this fault; the one after it is as usual."""
        with self._lock:
            self._met.clear()
            self._released.clear()
            self._armed = (point, fault)

    def disarm(self) -> None:
        """Nothing shall happen any more; what is delayed goes on."""
        with self._lock:
            self._armed = None
            self._released.set()

    @property
    def met(self) -> bool:
        """True once the armed fault has happened."""
        return self._met.is_set()

    async def trip(self, what: str, send: Callable[[], Awaitable[T]]) -> T:
        """One round trip: as it is, or with the fault that waits for it."""
        point = Point(caller_of_database(), what)
        with self._lock:
            self.seen[point] += 1
            fault = None
            if self._armed is not None and self._armed[0] in (point, Point(ANY, what)):
                fault = self._armed[1]
                self._armed = None
                self._met.set()
        match fault:
            case None:
                return await send()
            case Fault.REFUSED:
                raise DatabaseUnavailable(f"refused by the test: {what}")
            case Fault.BROKEN:
                raise AttributeError(f"broken by the test: {what}")
            case Fault.DELAYED:
                while not self._released.is_set():  # noqa: ASYNC110  # it may be another thread's loop
                    await asyncio.sleep(_LOOK_SECONDS)
                return await send()
            case Fault.LOST:
                await send()
                raise DatabaseUnavailable(f"lost by the test: the answer of {what}")
            case Fault.CANCELLED:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                return await send()
