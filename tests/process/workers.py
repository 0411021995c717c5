"""Worker processes of ``app.py`` and what they have written down."""

from __future__ import annotations

import itertools
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from dbjobs import DatabaseError, JobRef, Jobs, JobState
from tests.conformance.helpers import assert_each_once, eventually
from tests.servers.processes import Spawn

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 2.0


class Line(NamedTuple):
    """One line of the journal."""

    what: str
    job: int
    attempt: int
    pid: int
    at: float


class Workers:
    """Starts worker processes on one database, with one journal."""

    def __init__(self, spawn: Spawn, url: str, folder: Path) -> None:
        self._spawn = spawn
        self._url = url
        self.journal = folder / "journal"

    def start(self, *settings: str) -> subprocess.Popen[str]:
        """Start one and return when its node is registered."""
        process = self._spawn(
            "-m",
            "tests.process.app",
            self._url,
            str(self.journal),
            f"lease_seconds={LEASE_SECONDS}",
            *settings,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the worker did not start"
        return process

    def lines(self, what: str | None = None) -> list[Line]:
        """The journal so far, in order."""
        if not self.journal.exists():
            return []
        lines = []
        for text in self.journal.read_text().splitlines():
            words = text.split()
            lines.append(Line(words[0], int(words[1]), int(words[2]), int(words[3]), float(words[4])))
        return [line for line in lines if what is None or line.what == what]

    async def wait_lines(self, what: str, count: int) -> None:
        """Until this many have been written."""
        await eventually(lambda: len(self.lines(what)) >= count, f"{count} lines {what!r} in the journal")


async def assert_all_done_once(jobs: Jobs, workers: Workers, refs: list[JobRef]) -> None:
    """Each job is in history once, completed, and has run to its end at least once."""
    await assert_each_once(jobs, refs, JobState.COMPLETED)
    assert {line.job for line in workers.lines("end")} == {ref.id for ref in refs}


def assert_lanes_kept(
    workers: Workers, lanes: dict[str, list[JobRef]], killed_at: dict[int, float] | None = None
) -> None:
    """No lane overlapped itself, and first starts are in order; a killed process's run ends where it was killed."""
    lane_of = {ref.id: lane for lane, refs in lanes.items() for ref in refs}
    spans: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    firsts: dict[str, list[int]] = defaultdict(list)
    ends = {(line.job, line.attempt, line.pid): line.at for line in workers.lines() if line.what != "start"}
    for line in workers.lines("start"):
        if lane := lane_of.get(line.job):
            end = ends.get((line.job, line.attempt, line.pid), (killed_at or {}).get(line.pid))
            assert end is not None, f"{line} has no end"
            spans[lane].append((line.at, end, line.job))
            if line.job not in firsts[lane]:
                firsts[lane].append(line.job)
    for lane, several in spans.items():
        several.sort()
        for (_, end, one), (start, _, other) in itertools.pairwise(several):
            assert end <= start, f"{lane}: job {other} started while job {one} ran"
        assert firsts[lane] == [ref.id for ref in lanes[lane]], f"{lane} lost its order"


async def answers(jobs: Jobs) -> bool:
    """Whether the database does; a connection that is broken has to be replaced first."""
    try:
        await jobs.counts()
    except DatabaseError:
        return False
    return True
