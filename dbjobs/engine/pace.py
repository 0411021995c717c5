"""How fast things go: how far ahead to claim, how long a lane's run is, how often to look from the start."""

from __future__ import annotations

import time

# A claimed job should not wait in memory for longer than about this.
AHEAD_SECONDS = 0.05
MOST_AHEAD = 2000
# The rate is known soon after a start. It is not forgotten while the slots wait for a claim: the next one would be for
# too little, and come too late.
RISE_SECONDS = 0.1
FALL_SECONDS = 0.3
# A lane's run should not take much longer than this.
RUN_SECONDS = 0.1
LONGEST_RUN = 500
# A full look, from the start, finds jobs that became ready behind the last claim. It comes at the latest after this
# time. Slow looks get at most this share of the time, but at least one in LONGEST_PAUSE_SECONDS.
FULL_LOOK_SECONDS = 0.2
FULL_LOOK_SHARE = 0.1
LONGEST_PAUSE_SECONDS = 2.0
_FIRST_RUN = 4
_WEIGHT = 0.2


class Pace:
    """Moving averages over the attempts that have ended."""

    def __init__(self) -> None:
        self._count = 0
        self._since = time.monotonic()
        self._per_second = 0.0
        self._lane_seconds: float | None = None

    def ended(self, seconds: float, *, lane: bool, first: bool = True) -> None:
        """An attempt has ended; it took this many seconds.

        Args:
            first: it is the only one, or the first of its lane's run: claims count a run as one.
        """
        self._count += first
        if lane:
            before = self._lane_seconds
            self._lane_seconds = seconds if before is None else before + _WEIGHT * (seconds - before)

    def ahead(self) -> int:
        """How many free jobs, or runs of lanes, to claim beyond the free slots."""
        now = time.monotonic()
        elapsed = now - self._since
        if elapsed > 0.005:
            rate = self._count / elapsed
            horizon = RISE_SECONDS if rate > self._per_second else FALL_SECONDS
            weight = min(1.0, elapsed / horizon)
            self._per_second += weight * (rate - self._per_second)
            self._count = 0
            self._since = now
        return min(int(self._per_second * AHEAD_SECONDS), MOST_AHEAD)

    def run_length(self) -> int:
        """How many jobs of a lane to claim at once."""
        if self._lane_seconds is None:
            return _FIRST_RUN
        return max(1, min(int(RUN_SECONDS / max(self._lane_seconds, 1e-6)), LONGEST_RUN))


class FullLooks:
    """When the next look from the start is allowed, and when it is due."""

    def __init__(self) -> None:
        self._last = 0.0
        self._pause = 0.0
        self._before = 0.0

    def ended(self, began: float, *, fruitful: bool = False) -> None:
        """A look that began at this ``time.monotonic()`` is over.

        Args:
            fruitful: it found as much as it may, so the next one is work, too: they get up to half of the time.
        """
        self._last = time.monotonic()
        took = self._last - began
        # A database that stumbled once says nothing about the next look: what counts is that two were slow.
        usual = min(took, self._before)
        self._before = took
        share = 0.5 if fruitful else FULL_LOOK_SHARE
        self._pause = min(usual * (1 - share) / share, LONGEST_PAUSE_SECONDS)

    def hurry(self) -> None:
        """The next one need not wait."""
        self._pause = 0.0

    @property
    def allowed_at(self) -> float:
        """The ``time.monotonic()`` from which on they keep to their share."""
        return self._last + self._pause

    def is_due(self, now: float, *, behind: bool, jobs: bool) -> bool:
        """True for work known to be behind as soon as allowed, and for any work after a while."""
        return now >= self.allowed_at and (behind or (jobs and self.is_long_ago(now)))

    def is_long_ago(self, now: float) -> bool:
        """True if there was none for the usual time."""
        return now >= self._last + FULL_LOOK_SECONDS
