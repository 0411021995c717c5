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


async def has_retries_ahead(db: Fetcher) -> bool:
    """Whether a job was retried in a minute that is still to come: the database's clock has been set back since."""
    return bool(await db.fetch("find_retries_ahead"))


async def pull_in_retries(db: Fetcher, step_seconds: float, after_id: int, limit: int) -> tuple[int, int | None]:
    """Start the back-off again, from now, for those of the next live jobs that went into it at a moment still to come.

    Args:
        step_seconds: a moment that is ahead by less is left alone.
        after_id: the last job looked at before.
        limit: how many jobs to look at.

    Returns:
        How many there were, and the last job looked at; None after the last of all.
    """
    jobs, last_id = (await db.fetch("pull_in_retries", step_seconds=step_seconds, after_id=after_id, limit=limit))[0]
    return int(jobs), None if last_id is None else int(last_id)
