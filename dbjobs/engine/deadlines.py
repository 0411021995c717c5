"""Ends attempts that have run out of time, and notices handlers that do not end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import anyio

from dbjobs.engine.attempt import Attempt, Stop

# One look over the running attempts costs less than a timer for each of them.
LOOK_SECONDS = 0.5
# A handler that ignores its cancellation is interrupted again after this time, not in every turn of the loop.
REMIND_SECONDS = 1.0


class Deadlines:
    """Looks over the running attempts when the next deadline is due, at least every ``LOOK_SECONDS``."""

    def __init__(self, unresponsive_seconds: float) -> None:
        self._unresponsive_seconds = unresponsive_seconds
        self._next = float("inf")
        self._sooner = asyncio.Event()

    def watch(self, deadline: float) -> None:
        """Note that an attempt with this deadline (``time.monotonic()``) starts."""
        if deadline < self._next:
            self._next = deadline
            self._sooner.set()

    async def run(
        self,
        running: Callable[[], Iterable[Attempt]],
        abandon: Callable[[Attempt], None],
        check_lease: Callable[[], None],
    ) -> None:
        """Watch for ever.

        Args:
            abandon: called with an attempt that goes on for ``unresponsive_seconds`` after it was told to stop.
            check_lease: called at each look.
        """
        while True:
            check_lease()
            now = time.monotonic()
            next_deadline = now + LOOK_SECONDS
            for attempt in list(running()):
                if attempt.steps is None or attempt.abandoned:
                    continue
                if attempt.stop is None:
                    if attempt.deadline <= now:
                        attempt.end(Stop.TIMEOUT, now)
                    else:
                        next_deadline = min(next_deadline, attempt.deadline)
                elif attempt.stopped_at and now - attempt.stopped_at >= self._unresponsive_seconds:
                    abandon(attempt)
                elif now - attempt.told_at >= REMIND_SECONDS:
                    attempt.remind(now)
            self._next = next_deadline
            self._sooner.clear()
            with anyio.move_on_after(max(next_deadline - time.monotonic(), 0)):
                await self._sooner.wait()
