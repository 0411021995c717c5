"""Queues, batches and the counts of minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbjobs.models import BatchProgress, MinuteStat, QueueInfo
from dbjobs.store.repository.rows import Fetcher, moment_of


async def list_queues(db: Fetcher) -> list[QueueInfo]:
    """All known queues and their settings."""
    return [QueueInfo(queue=row[0], paused=bool(row[1]), concurrency=row[2]) for row in await db.fetch("list_queues")]


async def list_queue_settings(db: Fetcher) -> list[QueueInfo]:
    """The queues that are paused or limited; there may be many more that are neither."""
    rows = await db.fetch("list_queue_settings")
    return [QueueInfo(queue=row[0], paused=bool(row[1]), concurrency=row[2]) for row in rows]


async def set_queue(db: Fetcher, queue: str, *, paused: bool | None = None, concurrency: int | None = None) -> None:
    """Change a queue's settings; None leaves one as it is, concurrency 0 takes the limit away."""
    await db.fetch("set_queue", queue=queue, paused=paused, concurrency=concurrency)


async def find_unused_queues(db: Fetcher, seconds: float, limit: int) -> list[str]:
    """Queues without settings that nobody has used for this time, the longest unused first."""
    return [row[0] for row in await db.fetch("find_unused_queues", seconds=seconds, limit=limit)]


async def list_live_queues(db: Fetcher, after_id: int, limit: int) -> list[tuple[str, int]]:
    """The queues of the next ``limit`` live jobs by id, each with the last id seen; empty behind the last job."""
    return [(row[0], int(row[1])) for row in await db.fetch("list_live_queues", after_id=after_id, limit=limit)]


async def drop_queues(db: Fetcher, queues: Sequence[str], seconds: float) -> int:
    """Forget those of these queues (at least one) that have no settings and are unused that long; returns how many."""
    return int((await db.fetch("drop_queues", queues=queues, seconds=seconds))[0][0])


async def get_batch(db: Fetcher, batch_id: str) -> BatchProgress | None:
    """Counts of a batch."""
    rows = await db.fetch("get_batch", batch_id=batch_id)
    if not rows:
        return None
    row = rows[0]
    return BatchProgress(
        batch_id=row["batch_id"],
        total=row["total"],
        completed=row["completed"],
        failed=row["failed"],
        cancelled=row["cancelled"],
        created_at=moment_of(row["created_at"]),
    )


async def fold_batches(db: Fetcher, limit: int) -> int:
    """Fold at most ``limit`` appended batch rows into their sums; returns how many there were."""
    return int((await db.fetch("fold_batches", limit=limit))[0][0])


async def drop_batches(db: Fetcher, seconds: float) -> int:
    """Forget batches in which all have ended, after this time without news, some at a time; returns how many."""
    return int((await db.fetch("drop_batches", seconds=seconds))[0][0])


async def forget_refs(db: Fetcher, month: str, kept: Sequence[str], limit: int) -> int:
    """Forget at most ``limit`` ref_ids of months up to ``month`` (YYYYMM), except those ``kept``; returns how many."""
    return int((await db.fetch("forget_refs", month=month, kept=kept, limit=limit))[0][0])


async def count_live(db: Fetcher, bound: int) -> dict[tuple[str, str], int]:
    """(queue, state) -> jobs, each state counted over at most ``bound`` live rows."""
    return {(row[0], row[1]): row[2] for row in await db.fetch("count_live", bound=bound)}


async def list_stats(db: Fetcher, seconds: float) -> list[MinuteStat]:
    """Roll-ups of the last ``seconds``."""
    return [
        MinuteStat(
            minute=moment_of(row["minute"]),
            queue=row["queue"],
            command=row["command"],
            completed=row["completed"],
            failed=row["failed"],
            cancelled=row["cancelled"],
            retried=row["retried"],
            duration_ms=row["duration_ms"],
        )
        for row in await db.fetch("list_stats", seconds=seconds)
    ]


@dataclass(frozen=True, slots=True)
class Counted:
    """Exact counts of a step of time; ``queue`` and ``command`` are empty if they were not told apart."""

    starts: int
    queue: str
    command: str
    completed: int
    failed: int
    cancelled: int
    retried: int
    duration_ms: float


async def sum_stats(
    db: Fetcher,
    since: int,
    until: int,
    step: int,
    *,
    apart: bool = False,
    queue: str | None = None,
    command: str | None = None,
) -> list[Counted]:
    """Counts of a span of time (seconds since 1970, the end not included), cut into steps of ``step`` seconds.

    Args:
        apart: a row for each queue and command, not one for all.
        queue, command: only those of this one.
    """
    rows = await db.fetch("sum_stats", since=since, until=until, step=step, apart=apart, queue=queue, command=command)
    return [Counted(*row) for row in rows]


async def oldest_stat(db: Fetcher) -> int | None:
    """When the first count of all begins, in seconds since 1970."""
    rows = await db.fetch("oldest_stat")
    return int(rows[0][0]) if rows and rows[0][0] is not None else None


# Minutes become hours, and hours days, on the first midnight (UTC) after this many hours.
KEEP_MINUTES_HOURS = 48
KEEP_HOURS_HOURS = 15 * 24


async def fold_stats(db: Fetcher) -> None:
    """Turn old minutes into hours, and old hours into days."""
    await db.fetch("fold_stats", hours=1, kept=KEEP_MINUTES_HOURS)
    await db.fetch("fold_stats", hours=24, kept=KEEP_HOURS_HOURS)
