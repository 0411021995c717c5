"""The look over the transient runs of a process: those out of time are ended, those that do not end are closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.deadlines import Deadlines

log = logging.getLogger("dbjobs")


class RunWatch:
    """Looks over the attempts of runs, from the first run on. Belongs to one event loop.

    Args:
        attempts: of the runs that have not ended.

    Attributes:
        deadlines: None before the first run.
    """

    def __init__(self, attempts: Callable[[], Iterable[Attempt]]) -> None:
        self._attempts = attempts
        self._looking: asyncio.Task[None] | None = None
        self.deadlines: Deadlines | None = None

    def start(self, unresponsive_seconds: float) -> None:
        """Look over the attempts from here on, with this limit."""
        self.stop()
        self.deadlines = Deadlines(unresponsive_seconds)
        self._looking = asyncio.create_task(
            self.deadlines.run(self._attempts, _abandon, lambda: None), name="dbjobs-run-deadlines"
        )

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()


def _abandon(attempt: Attempt) -> None:
    steps = attempt.steps
    if attempt.call is not None or steps is None or steps.closed:
        return
    log.error(
        "transient run %s (%s) goes on %.0f s after it was told to stop (%s); it is closed where it waits. Does "
        "the handler swallow cancellation?",
        -attempt.job.id, attempt.job.command, time.monotonic() - attempt.stopped_at, attempt.stop,
    )  # fmt: skip
    steps.close()


def forsake(attempt: Attempt) -> bool:
    """Close a handler that ignored its cancellation; True if its thread goes on."""
    if attempt.still_runs:
        attempt.forsaken = True
        if attempt.steps is not None:
            attempt.steps.remind()  # it waits for its thread, and no longer has to
        return True
    if attempt.steps is not None:
        attempt.steps.close()
    return False
