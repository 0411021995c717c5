"""This process's memory of its transient runs: the latest ones, the latest failures, timings by command."""

from __future__ import annotations

from collections import deque
from statistics import median

from dbjobs.models import JobState, RunRecord, RunTimings

LATEST = 250
TIMINGS_PER_COMMAND = 1000
MAX_REQUEST_CHARACTERS = 10_000


class _Timings:
    """Running totals of one command."""

    __slots__ = ("cancelled", "count", "durations", "failed", "largest", "last_error", "smallest", "total")

    def __init__(self) -> None:
        self.count = self.failed = self.cancelled = 0
        self.total, self.smallest, self.largest = 0.0, float("inf"), 0.0
        self.durations: deque[float] = deque(maxlen=TIMINGS_PER_COMMAND)
        self.last_error: str | None = None

    def add(self, state: JobState, duration_ms: float, error: str | None) -> None:
        self.count += 1
        self.total += duration_ms
        self.smallest = min(self.smallest, duration_ms)
        self.largest = max(self.largest, duration_ms)
        self.durations.append(duration_ms)
        if state is JobState.FAILED:
            self.failed += 1
            self.last_error = error
        elif state is JobState.CANCELLED:
            self.cancelled += 1


class Records:
    """Rolling, bounded records: ``LATEST`` runs, as many failures, a line for each command."""

    def __init__(self) -> None:
        self._latest: deque[RunRecord] = deque(maxlen=LATEST)
        self._failed: deque[RunRecord] = deque(maxlen=LATEST)
        self._timings: dict[str, _Timings] = {}

    def add(self, record: RunRecord) -> None:
        """A run has ended."""
        self._latest.append(record)
        if record.state is JobState.FAILED:
            self._failed.append(record)
        if record.duration_ms is not None:
            timings = self._timings.setdefault(record.command, _Timings())
            timings.add(record.state, record.duration_ms, record.error)

    def latest(self, limit: int) -> list[RunRecord]:
        """Runs that have ended, newest first."""
        return list(self._latest)[: -limit - 1 : -1]

    def failed(self, limit: int) -> list[RunRecord]:
        """Runs that have failed, newest first."""
        return list(self._failed)[: -limit - 1 : -1]

    def timings(self) -> list[RunTimings]:
        """One line for each command, by name."""
        return [
            RunTimings(
                command=command,
                count=one.count,
                failed=one.failed,
                cancelled=one.cancelled,
                total_ms=one.total,
                min_ms=one.smallest,
                max_ms=one.largest,
                mean_ms=one.total / one.count,
                median_ms=median(one.durations),
                last_error=one.last_error,
            )
            for command, one in sorted(self._timings.items())
        ]
