"""Jobs for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import msgspec

from dbjobs.models import Job, JobFilter, JobState, JobSummary, LiveFilter
from dbjobs.store.database import Row
from dbjobs.store.repository.rows import Fetcher, job_of, maybe_moment_of, moment_of

LIVE_FILTERS = tuple(sorted(LiveFilter.__optional_keys__))
JOB_FILTERS = tuple(sorted(JobFilter.__optional_keys__))


async def get_jobs(db: Fetcher, ids: Sequence[int]) -> dict[int, Job]:
    """Whole jobs by id, live or in history."""
    jobs = (job_of(row) for row in await db.fetch("get_jobs", ids=ids))
    return {job.id: job for job in jobs}


async def get_reply_to(db: Fetcher, ids: Sequence[int]) -> dict[int, str]:
    """The ``reply_to`` of jobs that have one as it was given, credentials included: not to be shown."""
    return {row["id"]: row["reply_to"] for row in await db.fetch("get_jobs", ids=ids) if row["reply_to"] is not None}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a Job does not say about a live job; the fields are those of a NewJob."""

    depends_on_policy: str
    on_failure: str
    retry: str | None


async def get_rules(db: Fetcher, id: int) -> Rules | None:
    """The rules of a live job; None if there is none with this id."""
    rows = await db.fetch("read_background_job", id=id - 1, limit=1)
    if not rows or rows[0]["id"] != id:
        return None
    return Rules(**{name: rows[0][name] for name in Rules.__struct_fields__})


async def find_live(db: Fetcher, *, after_id: int, limit: int, **filters: Unpack[LiveFilter]) -> list[int]:
    """Ids of live jobs, in id order."""
    where = {name: filters.get(name) for name in LIVE_FILTERS}
    return [row[0] for row in await db.fetch("find_live", after_id=after_id, limit=limit, **where)]


async def list_jobs(
    db: Fetcher, *, before_id: int, limit: int, history_only: bool = False, **filters: Unpack[JobFilter]
) -> list[JobSummary]:
    """A page of jobs, newest first."""
    state = filters.get("state")
    asked = {name: filters.get(name) for name in JOB_FILTERS} | {
        "before_id": before_id,
        "limit": limit,
        "live": not history_only and (state is None or not JobState(state).finished),
        "completed": state in (None, JobState.COMPLETED),
        "failed": state in (None, JobState.FAILED, JobState.CANCELLED),
    }
    tag, batch_id = asked.pop("tag"), asked.pop("batch_id")
    # Each goes along an index of its own: a plan that must serve them all would walk the history for a rare tag.
    if tag is not None:
        rows = await db.fetch("list_tagged", tag=tag, batch_id=batch_id, **asked)
    elif batch_id is not None:
        rows = await db.fetch("list_batch", batch_id=batch_id, **asked)
    else:
        rows = await db.fetch("list_jobs", **asked)
    return [summary_of(row) for row in rows]


def summary_of(row: Row) -> JobSummary:
    """A row of one of the lists."""
    return JobSummary(
        id=row["id"],
        ref_id=row["ref_id"],
        queue=row["queue"],
        worker=row["worker"],
        command=row["command"],
        state=JobState(row["state"]),
        priority=row["priority"],
        tag=row["tag"],
        batch_id=row["batch_id"],
        user_id=row["user_id"],
        attempt=row["attempt"],
        created_at=moment_of(row["created_at"]),
        run_after=maybe_moment_of(row["run_after"]),
        started_at=maybe_moment_of(row["started_at"]),
        completed_at=maybe_moment_of(row["completed_at"]),
        duration_ms=row["duration_ms"],
        progress=row["progress"],
        status=row["status"],
        error_code=row["error_code"],
        error=row["error"],
    )
