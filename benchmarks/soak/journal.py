"""What the handlers wrote down: whether a job, or a lane, ever ran twice at the same time."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Span(NamedTuple):
    """One run of a handler."""

    began: float
    ended: float
    job: int
    pid: int


class Journal:
    """The runs of all processes.

    Args:
        path: the file that they wrote.
        killed: process -> when it was killed: its runs ended there.
        stopped: process -> spans in which it stood still.
        lease_seconds: a process that stood still for longer has lost its jobs to others; what it goes on with then
            until it hears of it may overlap with theirs.
    """

    def __init__(
        self,
        path: Path,
        killed: Mapping[int, float],
        stopped: Mapping[int, Sequence[tuple[float, float]]],
        lease_seconds: float,
    ) -> None:
        self._killed = killed
        self._stopped = stopped
        self._lease_seconds = lease_seconds
        self._by_job: dict[int, list[Span]] = defaultdict(list)
        self._by_lane: dict[str, list[Span]] = defaultdict(list)
        self.firsts: dict[str, list[int]] = defaultdict(list)
        self._read(path)

    def overlaps(self) -> list[str]:
        """Jobs and lanes that ran twice at the same time."""
        found = [f"job {job}" for job, spans in self._by_job.items() if _overlap(spans)]
        return found + [f"lane {lane}" for lane, spans in self._by_lane.items() if _overlap(spans)]

    def disorders(self, lanes: Mapping[str, Sequence[int]]) -> list[str]:
        """Lanes whose jobs were started for the first time in another order than their ids say."""
        found = []
        for lane, wanted in lanes.items():
            members = set(wanted)
            firsts = [job for job in self.firsts[lane.replace(" ", "_")] if job in members]
            if firsts != sorted(firsts):
                found.append(lane)
        return found

    def _read(self, path: Path) -> None:
        open_runs: dict[tuple[int, int, int], tuple[float, str]] = {}
        seen: set[int] = set()
        for what, job, attempt, pid, at, lane in _lines(path):
            key = (job, attempt, pid)
            if what == "start":
                open_runs[key] = (at, lane)
                if lane != "-" and job not in seen:
                    self.firsts[lane].append(job)
                seen.add(job)
            elif key in open_runs:
                began, lane = open_runs.pop(key)
                self._note(Span(began, self._held_until(began, at, pid), job, pid), lane)
        for (job, _, pid), (began, lane) in open_runs.items():
            if pid in self._killed:
                self._note(Span(began, self._held_until(began, self._killed[pid], pid), job, pid), lane)

    def _held_until(self, began: float, ended: float, pid: int) -> float:
        """When the run ended, or its node's lease at the latest."""
        for asleep, awake in self._stopped.get(pid, ()):
            if began < awake and ended > asleep and awake - asleep > self._lease_seconds * 0.5:
                return max(began, min(ended, asleep))
        return ended

    def _note(self, span: Span, lane: str) -> None:
        self._by_job[span.job].append(span)
        if lane != "-":
            self._by_lane[lane].append(span)


def _lines(path: Path) -> Iterator[tuple[str, int, int, int, float, str]]:
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) == 6:  # a process may be killed while it writes
            yield words[0], int(words[1]), int(words[2]), int(words[3]), float(words[4]), words[5]


def _overlap(spans: list[Span]) -> bool:
    spans.sort()
    return any(one.ended > other.began for one, other in itertools.pairwise(spans))
