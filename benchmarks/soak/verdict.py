"""What a soak has left in the database, compared with what its callers were told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.journal import Journal
from benchmarks.soak.load import Load
from benchmarks.soak.workers import LEASE_SECONDS, Workers
from dbjobs import Jobs, JobState, JobSummary
from tests.conformance.helpers import whole_list
from tests.conformance.raw import Raw

_SHOWN = 5
_FINAL = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
# Tables that must be empty when every job has ended and every node has stopped.
_EMPTY_TABLES = ("background_job", "job_worker", "job_dependency", "ended_parent", "job_node")
# Memory after the first minutes is caches that fill up to a bound; what is kept for each job grows on.
_MOST_GROWTH = 1.3
_MOST_MORE_DESCRIPTORS = 10
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Finding:
    """One line of the table: what was counted, and whether it may be so."""

    what: str
    count: str
    wrong: bool
    examples: str = ""


@dataclass(frozen=True)
class Size:
    """A process, and the server's connections, at one moment.

    Attributes:
        memory: bytes in RAM.
        descriptors: open files and sockets.
        connections: of everybody to the server; None on a file.
    """

    memory: int
    descriptors: int
    connections: int | None


async def size_of(pid: int, raw: Raw) -> Size:
    """Look at a process and at the server."""
    return Size(_memory(pid), len(os.listdir(f"/proc/{pid}/fd")), await _connections(raw))  # noqa: PTH208


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _connections(raw: Raw) -> int | None:
    statement = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database()",
    }.get(raw.dialect)
    return None if statement is None else int((await raw.rows(statement))[0][0])


async def findings(load: Load, workers: Workers, raw: Raw, early: Size, late: Size) -> list[Finding]:
    """Every line of the table."""
    rows = await whole_list(load.jobs)
    states = {row.id: row.state for row in rows}
    journal = Journal(workers.journal, workers.killed, workers.stopped, LEASE_SECONDS)
    return [
        Finding("jobs", f"{len(states):,}", wrong=False),
        *_jobs(load, rows, states),
        _several("ran twice at once", journal.overlaps()),
        _several("lanes out of order", journal.disorders(load.lanes)),
        *await _doubled_writes(load.jobs, raw, rows),
        *await _leaks(load, raw, rows),
        _several("calls that hung", load.hung),
        _several("calls that failed oddly", list(load.surprises)),
        _several("processes that ended", [f"{pid} with {code}" for pid, code in workers.ended]),
        *_growth(early, late),
    ]


def _jobs(load: Load, rows: Sequence[JobSummary], states: dict[int, JobState]) -> list[Finding]:
    twice = [str(id) for id, count in Counter(row.id for row in rows).items() if count > 1]
    lost = [str(id) for id in load.expected if id not in states]
    wrong = [
        f"{id} {states[id]} instead of {' or '.join(allowed)}"
        for id, allowed in load.expected.items()
        if id in states and states[id] not in allowed
    ]
    return [
        _several("lost", lost),
        _several("in two places", twice),
        _several("ended wrongly", wrong),
        _several("rolled back, but there", [str(row.id) for row in rows if row.tag in load.never]),
        _several("not ended", [str(id) for id, state in states.items() if not state.finished]),
    ]


async def _doubled_writes(jobs: Jobs, raw: Raw, rows: Sequence[JobSummary]) -> list[Finding]:
    """Handlers' own rows, and the roll-ups, which are written with the outcomes: each once."""
    notes = Counter(int(text) for text in await raw.notes())
    owners = {row.id for row in rows if row.tag == "own_transaction"}
    doubled = [str(id) for id, count in notes.items() if count > 1]
    missing = [str(id) for id in owners ^ notes.keys()]
    stats = Counter[JobState]()
    for minute in await jobs.stats(seconds=86_400):
        stats[JobState.COMPLETED] += minute.completed
    completed = sum(row.state is JobState.COMPLETED for row in rows)
    counted = stats[JobState.COMPLETED]
    return [
        _several("handlers' rows doubled", doubled),
        _several("handlers' rows without their job, or jobs without theirs", missing),
        Finding("completions counted twice or not at all", str(counted - completed), counted != completed),
    ]


async def _leaks(load: Load, raw: Raw, rows: Sequence[JobSummary]) -> list[Finding]:
    found = []
    for table in _EMPTY_TABLES:
        count = int((await raw.rows(f"SELECT count(*) FROM dbjobs.{table}"))[0][0])
        found.append(Finding(f"rows left in {table}", str(count), count > 0))
    ids = {row.id for row in rows}
    refs = [str(id) for (id,) in await raw.rows("SELECT job_id FROM dbjobs.job_ref") if id not in ids]
    found.append(_several("refs without a job", refs))
    wrong = []
    for batch in sorted(load.batches):
        progress = await load.jobs.batch(batch)
        members = Counter(row.state for row in rows if row.batch_id == batch)
        counts = (progress.total, progress.completed, progress.failed, progress.cancelled) if progress else (0,) * 4
        if counts != (members.total(), *(members[state] for state in _FINAL)):
            wrong.append(f"{batch} {counts}")
    found.append(_several("batches counted wrongly", wrong))
    return found


def _growth(early: Size, late: Size) -> list[Finding]:
    found = [
        Finding(
            "memory of the oldest worker, MB",
            f"{early.memory / _MEGABYTE:.0f} -> {late.memory / _MEGABYTE:.0f}",
            late.memory > early.memory * _MOST_GROWTH,
        ),
        Finding(
            "its descriptors",
            f"{early.descriptors} -> {late.descriptors}",
            late.descriptors > early.descriptors + _MOST_MORE_DESCRIPTORS,
        ),
    ]
    if early.connections is not None and late.connections is not None:
        more = late.connections > early.connections + _MOST_MORE_DESCRIPTORS
        found.append(Finding("connections to the server", f"{early.connections} -> {late.connections}", more))
    return found


def _several(what: str, cases: Sequence[str]) -> Finding:
    return Finding(what, str(len(cases)), bool(cases), ", ".join(cases[:_SHOWN]))
