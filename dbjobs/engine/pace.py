"""How fast jobs end on this node: decides how far ahead to claim, and how long a lane's run may be."""

from __future__ import annotations

import time

# A claimed job should not wait in memory for longer than about this.
AHEAD_SECONDS = 0.05
MOST_AHEAD = 1000
# A lane's run should not take much longer than this.
RUN_SECONDS = 0.1
LONGEST_RUN = 500
_FIRST_RUN = 4
_WEIGHT = 0.2


class Pace:
    """Moving averages over the attempts that have ended."""

    def __init__(self) -> None:
        self._count = 0
        self._since = time.monotonic()
        self._per_second = 0.0
        self._lane_seconds: float | None = None

    def ended(self, seconds: float, *, lane: bool) -> None:
        """An attempt has ended after so many seconds."""
        self._count += 1
        if lane:
            before = self._lane_seconds
            self._lane_seconds = seconds if before is None else before + _WEIGHT * (seconds - before)

    def ahead(self) -> int:
        """How many jobs to claim beyond the free slots."""
        now = time.monotonic()
        elapsed = now - self._since
        if elapsed > 0.005:
            rate = self._count / elapsed
            weight = min(1.0, elapsed / 0.1)
            self._per_second += weight * (rate - self._per_second)
            self._count = 0
            self._since = now
        return min(int(self._per_second * AHEAD_SECONDS), MOST_AHEAD)

    def run_length(self) -> int:
        """How many jobs of a lane to claim at once."""
        if self._lane_seconds is None:
            return _FIRST_RUN
        return max(1, min(int(RUN_SECONDS / max(self._lane_seconds, 1e-6)), LONGEST_RUN))
