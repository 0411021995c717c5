"""How long attempts took, as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.repository.rows import Fetcher, maybe_moment_of
from dbjobs.store.statements import Table

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_COLUMNS = (
    "period_seconds", "starts", "name", "counter", "queue", "command", "worker", "completed", "failed", "cancelled",
    "retried", "run_ms", "run_histogram", "waits", "wait_ms", "wait_histogram",
)  # fmt: skip
# Later than any time.
NEVER = 2**40
Key = tuple[str, str, str]
# By what hours and days are told apart: nothing, queue and command, or worker.
Family = Literal["total", "names", "workers"]


@dataclass(slots=True, kw_only=True)
class Sums:
    """Counts of attempts that have ended, and histograms: bucket to count."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    run_ms: float = 0.0
    run: dict[int, int] = field(default_factory=dict)
    waits: int = 0
    wait_ms: float = 0.0
    wait: dict[int, int] = field(default_factory=dict)

    def add(self, other: Sums) -> None:
        """Add the counts of another one."""
        self.completed += other.completed
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.retried += other.retried
        self.run_ms += other.run_ms
        self.waits += other.waits
        self.wait_ms += other.wait_ms
        for mine, others in ((self.run, other.run), (self.wait, other.wait)):
            for bucket, count in others.items():
                mine[bucket] = mine.get(bucket, 0) + count


@dataclass(slots=True)
class Rollup:
    """The sums of one period.

    Attributes:
        starts: seconds since 1970, by the database's clock.
        counter: the node that has counted; negative if it was folded.
        key: queue, command, worker ('' for none).
    """

    period_seconds: int
    starts: int
    counter: int
    key: Key
    sums: Sums


async def read_clock(db: Fetcher) -> float:
    """Seconds since 1970 by the database's clock."""
    return float((await db.fetch("read_clock"))[0][0])


async def write_rollups(db: Fetcher, rollups: Sequence[Rollup]) -> None:
    """Write rows, each in place of the one with its period, start, names and counter."""
    rows = sorted((_row(rollup) for rollup in rollups), key=lambda row: row[:4])
    if rows:
        await db.fetch("write_rollups", rows=Table(_COLUMNS, rows))


def _row(rollup: Rollup) -> tuple[int, int, str, int, str, str, str, int, int, int, int, float, str, int, float, str]:
    sums = rollup.sums
    name = hashlib.sha256("\0".join(rollup.key).encode(errors="surrogatepass")).hexdigest()
    run, wait = (msgspec.json.encode(histogram).decode() for histogram in (sums.run, sums.wait))
    return (
        rollup.period_seconds, rollup.starts, name, rollup.counter, *rollup.key, sums.completed, sums.failed,
        sums.cancelled, sums.retried, sums.run_ms, run, sums.waits, sums.wait_ms, wait,
    )  # fmt: skip


_histogram = msgspec.json.Decoder(dict[int, int])


async def list_rollups(
    db: Fetcher,
    since: int,
    until: int = NEVER,
    family: Family = "total",
    *,
    queue: str | None = None,
    command: str | None = None,
    worker: str | None = None,
) -> list[Rollup]:
    """Rows that start in a span of time, in seconds since 1970, the end not included.

    Args:
        family: what hours and days are told apart by; minutes always have all three names.
        queue, command, worker: only rows of this one; of the family that has it.
    """
    rows = await db.fetch(
        "list_rollups", since=since, until=until, family=family, queue=queue, command=command, worker=worker
    )
    return [_rollup(row) for row in rows]


async def take_rollups(db: Fetcher, period_seconds: int, before: int, most: int) -> list[Rollup]:
    """Take out rows of a period that start before a moment; the same transaction then puts in their sums."""
    rows = await db.fetch("take_rollups", period=period_seconds, before=before, most=most)
    return [_rollup(row) for row in rows]


def _rollup(row: Row) -> Rollup:
    period, starts, _, counter, queue, command, worker, *counts = row
    completed, failed, cancelled, retried, run_ms, run, waits, wait_ms, wait = counts
    sums = Sums(
        completed=completed, failed=failed, cancelled=cancelled, retried=retried, run_ms=run_ms,
        run=_histogram.decode(run), waits=waits, wait_ms=wait_ms, wait=_histogram.decode(wait),
    )  # fmt: skip
    return Rollup(period, starts, counter, (queue, command, worker), sums)


async def mean_runs(db: Fetcher, bound: int) -> tuple[float | None, dict[tuple[str, str], tuple[float, float]]]:
    """The clock (None if nothing was counted yet), and by (command, worker or '') how many attempts took how many ms.

    Args:
        bound: rows of minutes, of hours and of days that are read, the newest.
    """
    rows = await db.fetch("mean_runs", bound=bound)
    means = {(command, worker): (float(runs), float(run_ms)) for command, worker, runs, run_ms, _ in rows}
    return (float(rows[0][4]) if rows else None), means


async def sample_waits(db: Fetcher, ids: Sequence[int]) -> dict[int, float]:
    """Milliseconds that these jobs could run before they started, where that is known."""
    return {row[0]: float(row[1]) for row in await db.fetch("sample_waits", ids=ids)}


@dataclass(slots=True, kw_only=True)
class Lane:
    """A named worker at this moment; see ``WorkerStat``."""

    node_id: int | None = None
    blocked_by: int | None = None
    job_id: int | None = None
    started_at: datetime | None = None
    held: int = 0
    queued: int = 0


async def list_workers(db: Fetcher, bound: int) -> dict[str, Lane]:
    """Lanes that are taken or have jobs waiting, each of three looks up to ``bound`` rows."""
    lanes: dict[str, Lane] = {}
    first: dict[str, tuple[int, int]] = {}
    for worker, node_id, blocked_by, job_id, started_at, priority, queued in await db.fetch(
        "list_workers", bound=bound
    ):
        lane = lanes.setdefault(worker, Lane())
        if job_id is not None:
            lane.held += 1
            if worker not in first or (priority, job_id) < first[worker]:
                first[worker] = (priority, job_id)
                lane.node_id, lane.job_id, lane.started_at = node_id, job_id, maybe_moment_of(started_at)
        elif node_id is not None or blocked_by is not None:
            lane.node_id = lane.node_id or node_id
            lane.blocked_by = blocked_by
        lane.queued += queued or 0
    return lanes
