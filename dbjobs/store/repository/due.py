"""Jobs that are due, and jobs that have expired."""

from __future__ import annotations

from collections.abc import Sequence

from dbjobs.store.records import Ready
from dbjobs.store.repository.rows import Fetcher


async def promote_jobs(db: Fetcher, limit: int) -> list[Ready]:
    """Scheduled jobs that are due become ready."""
    return [Ready(row[1], row[2], row[3] is not None, True) for row in await db.fetch("promote_jobs", limit=limit)]


async def next_due(
    db: Fetcher, tasks: Sequence[str] = (), commands: Sequence[str] = ()
) -> tuple[float | None, float | None]:
    """Seconds until the next scheduled job is due, and until the next task that may be fired here; None: there is none.

    Args:
        tasks: the names of declared tasks that this node may fire.
        commands: it may fire tasks of these commands that were made at run time.
    """
    job, task = (await db.fetch("next_due", tasks=tasks, commands=commands))[0]
    return None if job is None else float(job), None if task is None else float(task)


async def find_expired(db: Fetcher, limit: int) -> list[int]:
    """Jobs that were not started in time."""
    return [row[0] for row in await db.fetch("find_expired", limit=limit)]


async def pull_in_retries(db: Fetcher, step_seconds: float, limit: int) -> int:
    """Jobs that went into back-off at a moment still to come get their back-off from now on; how many there were.

    Args:
        step_seconds: a moment ahead by less is passed by.
        limit: jobs in one statement.
    """
    rows = await db.fetch("pull_in_retries", step_seconds=step_seconds, limit=limit)
    return int(rows[0][0])
