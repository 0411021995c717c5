"""Every loop of the engine outlives any database error."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

import anyio

from dbjobs.errors import DatabaseError

log = logging.getLogger("dbjobs")

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0


class Backoff:
    """Delays between tries of a loop while the database refuses it, jittered, with one log line per doubling."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._delay = 0.0

    def succeeded(self) -> None:
        """The database is back."""
        if self._delay:
            log.info("%s: the database answers again", self._name)
            self._delay = 0.0

    async def failed(self, error: Exception) -> None:
        """Wait before the next try."""
        before = self._delay
        self._delay = min(before * 2 or _FIRST_SECONDS, _LONGEST_SECONDS)
        if self._delay != before:
            log.warning("%s: %s; trying again", self._name, error)
        await anyio.sleep(self._delay * random.uniform(0.5, 1.5))


async def every(name: str, first_seconds: float, step: Callable[[], Awaitable[float]]) -> None:
    """Run ``step`` for ever; it returns the seconds to wait until the next time (jittered by a tenth).

    Args:
        name: what the log calls it.
        first_seconds: when to run it first: a node that starts has better to do than housekeeping.
    """
    await anyio.sleep(first_seconds)
    backoff = Backoff(name)
    while True:
        try:
            pause = await step()
        except DatabaseError as error:
            await backoff.failed(error)
        else:
            backoff.succeeded()
            await anyio.sleep(pause * random.uniform(0.9, 1.1))
