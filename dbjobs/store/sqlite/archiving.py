"""Decides when the writer copies ended jobs to the history files: when idle, or when many have gathered."""

from __future__ import annotations

import time

# The writer has been idle for this long ...
IDLE_SECONDS = 0.1
# ... or takes a short pause for breath after more than a few changes of rows ...
SOON_CHANGES = 2_000
SOON_SECONDS = 0.01
# ... or has made this many without any pause: about 6,000 jobs.
MOST_CHANGES = 20_000
RETRY_SECONDS = 5.0


class Archiving:
    """Counts rows changed by the writer's connection since the last copy.

    Args:
        wanted: False: another instance does it.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._copied = -1  # another process may have left some uncopied
        self._not_before = 0.0

    def is_wanted(self, changes: int) -> bool:
        """True if something may have ended since the last copy; ``changes`` as SQLite counts them."""
        return self._wanted and changes != self._copied

    def pause(self, changes: int) -> float:
        """Seconds of idleness before the next copy: the more there is, the sooner."""
        return IDLE_SECONDS if changes - self._copied < SOON_CHANGES else SOON_SECONDS

    def is_due(self, changes: int, *, idle: bool) -> bool:
        """True if it is time, in a pause of the writer's (``idle``) or between two transactions."""
        if not self.is_wanted(changes) or time.monotonic() < self._not_before:
            return False
        return idle or changes - self._copied >= MOST_CHANGES

    def succeeded(self, changes: int) -> None:
        """Everything has been copied."""
        self._copied = changes

    def failed(self) -> None:
        """Nothing is lost: the rows stay where they are until a later try succeeds."""
        self._not_before = time.monotonic() + RETRY_SECONDS

    def start_over(self) -> None:
        """The connection is a new one and counts from 0."""
        self._copied = -1
