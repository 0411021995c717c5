"""Attempts that were claimed and have no slot yet."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dbjobs.commands.registry import Command
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Crew, Kind, kind_of
from dbjobs.engine.memory import Memory
from dbjobs.engine.transient.turns import LaneTurns

log = logging.getLogger("dbjobs")


class Waiting:
    """Attempts that wait for a place of their crew, or for a handler of the same job or lane that still runs.

    Args:
        turns: whose turn it is in the lanes of this node.

    Attributes:
        deferred: those that wait for such a handler; always the same list.
    """

    def __init__(self, crews: dict[Kind, Crew], memory: Memory, turns: LaneTurns) -> None:
        self._crews = crews
        self._memory = memory
        self._turns = turns
        self._crew_of: dict[Command, Crew] = {}
        self._stuck: set[Attempt] = set()
        self.deferred: list[Attempt] = []

    def crew(self, attempt: Attempt) -> Crew:
        """The crew that its handler belongs to."""
        crew = self._crew_of.get(attempt.command)
        if crew is None:
            crew = self._crew_of[attempt.command] = self._crews[kind_of(attempt.command)]
        return crew

    def add(self, attempt: Attempt) -> None:
        """It may start when its kind has a place, and not beside a handler of its job or lane that still runs."""
        if self._memory.overlaps(attempt):
            if not self._turns.holds(attempt.job.worker):
                log.warning(
                    "job %s waits: a handler of the same job or lane has lost its lease and still runs here",
                    attempt.job.id,
                )
            self.deferred.append(attempt)
        else:
            self.crew(attempt).ready.append(attempt)

    def add_deferred(self) -> None:
        """A handler that some have waited for has ended: look at them again."""
        deferred = self.deferred.copy()
        self.deferred.clear()
        for attempt in deferred:
            self.add(attempt)

    def take(self, wanted: Callable[[Attempt], bool]) -> list[Attempt]:
        """Take out those that are wanted, in order."""
        taken: list[Attempt] = []
        for waiting in (*(crew.ready for crew in self._crews.values()), self.deferred):
            taken += [attempt for attempt in waiting if wanted(attempt)]
            kept = [attempt for attempt in waiting if not wanted(attempt)]
            waiting.clear()
            waiting.extend(kept)
        return taken

    def take_stuck(self) -> list[Attempt]:
        """Take out those that have waited for a place since ``note_ready``."""
        return self.take(lambda attempt: attempt in self._stuck and attempt not in self.deferred)

    def note_ready(self) -> None:
        """Remember which wait for a place now."""
        self._stuck = {attempt for crew in self._crews.values() for attempt in crew.ready}
