"""Every loop of the engine outlives any error, and all loops of a node report an outage with one voice."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import anyio

from dbjobs.errors import DatabaseError, DatabaseUnavailable

log = logging.getLogger("dbjobs")

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0
# How often the log repeats that an outage goes on.
REMINDER_SECONDS = 30.0


@dataclass(slots=True)
class _Trouble:
    """What keeps a loop from its work.

    Attributes:
        since, last: when it failed first and last.
        told: when the log said so.
        text: the last error.
    """

    since: float
    last: float
    told: float
    text: str


class Outages:
    """What keeps the loops of one node from their work; one log line for each change of state, and reminders.

    A database that is away stops all of them: one line says so, not one from each loop. An error of another kind is
    the trouble of one loop alone.
    """

    def __init__(self) -> None:
        self._away: dict[str, _Trouble] = {}
        self._away_since = self._away_told = 0.0
        self._own: dict[str, _Trouble] = {}
        self._answered = asyncio.Event()

    def failed(self, name: str, error: Exception) -> None:
        """A loop could not do its work."""
        now = time.monotonic()
        text = str(error) or type(error).__name__
        if isinstance(error, DatabaseUnavailable):
            self._note_away(name, text, now)
            return
        trouble = self._own.get(name)
        if trouble is None:
            self._own[name] = _Trouble(now, now, now, text)
            # An error that is not the database's is a fault of ours, or of a driver: its traceback says more.
            log.warning(
                "%s: %s; trying again", name, text, exc_info=None if isinstance(error, DatabaseError) else error
            )
            return
        trouble.last, trouble.text = now, text
        if now - trouble.told >= REMINDER_SECONDS:
            trouble.told = now
            log.warning("%s: has failed for %.0f s: %s; trying again", name, now - trouble.since, text)

    def succeeded(self, name: str) -> None:
        """A loop that had failed has done its work."""
        trouble = self._own.pop(name, None)
        if trouble is not None:
            log.info("%s: works again after %.1f s", name, time.monotonic() - trouble.since)
        if self._away.pop(name, None) is not None:
            self._end_if_over()

    def answered(self) -> None:
        """The database has answered the heartbeat: loops that wait for it try again at once."""
        if not self._away:
            return
        event, self._answered = self._answered, asyncio.Event()
        event.set()
        # A loop that has given its work up will not say that it has succeeded.
        now = time.monotonic()
        for name in [name for name, trouble in self._away.items() if now - trouble.last >= REMINDER_SECONDS]:
            del self._away[name]
        self._end_if_over()

    async def pause(self, seconds: float) -> None:
        """Wait for this time, or until the database answers the heartbeat."""
        with anyio.move_on_after(seconds):
            await self._answered.wait()

    def _note_away(self, name: str, text: str, now: float) -> None:
        if not self._away:
            self._away_since = self._away_told = now
            log.warning("no database (%s): %s; work waits, and goes on when it answers", name, text)
        elif now - self._away_told >= REMINDER_SECONDS:
            self._away_told = now
            names = ", ".join(sorted({*self._away, name}))
            log.warning("no database for %.0f s (%s): %s", now - self._away_since, names, text)
        trouble = self._away.get(name)
        self._away[name] = _Trouble(trouble.since if trouble is not None else now, now, now, text)

    def _end_if_over(self) -> None:
        if not self._away:
            log.warning("the database answers again after %.1f s", time.monotonic() - self._away_since)


# The voice of the node whose loops run here: set before they start, inherited by their tasks.
_current: ContextVar[Outages | None] = ContextVar("dbjobs_outages", default=None)


def speak_through(outages: Outages) -> None:
    """Loops started from here on report their failures through this one."""
    _current.set(outages)


def voice() -> Outages:
    """The one of the node whose loop this is; a loop of no node gets its own."""
    outages = _current.get()
    if outages is None:
        outages = Outages()
        _current.set(outages)
    return outages


class LoopDelay:
    """Delays between tries of a loop that fails: growing, jittered, cut short when the database answers again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._delay = 0.0

    def succeeded(self) -> None:
        """It works again."""
        if self._delay:
            voice().succeeded(self._name)
            self._delay = 0.0

    async def failed(self, error: Exception) -> None:
        """Report it, and wait before the next try."""
        voice().failed(self._name, error)
        self._delay = min(self._delay * 2 or _FIRST_SECONDS, _LONGEST_SECONDS)
        delay = self._delay * random.uniform(0.5, 1.5)
        if isinstance(error, DatabaseUnavailable):
            await voice().pause(delay)
        else:
            await anyio.sleep(delay)


async def every(name: str, first_seconds: float, step: Callable[[], Awaitable[float]]) -> None:
    """Run ``step`` for ever; it returns the seconds to wait until the next time (jittered by a tenth).

    Args:
        name: what the log calls it.
        first_seconds: when to run it first: a node that starts has better things to do than housekeeping.
    """
    await anyio.sleep(first_seconds)
    backoff = LoopDelay(name)
    while True:
        try:
            pause = await step()
        except Exception as error:  # a loop that ends leaves its work undone for as long as the node lives
            await backoff.failed(error)
        else:
            backoff.succeeded()
            await anyio.sleep(pause * random.uniform(0.9, 1.1))


async def supervised(name: str, run: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Run a loop until it returns; start it again when it fails."""
    backoff = LoopDelay(name)
    while True:
        try:
            await run(*arguments)
        except Exception as error:
            await backoff.failed(error)
        else:
            return
