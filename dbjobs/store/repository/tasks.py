"""Scheduled tasks: rows that are read without locks and written by comparing their revision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dbjobs.models import JobRef
from dbjobs.store.database import Row
from dbjobs.store.records import NewJob
from dbjobs.store.repository.rows import Fetcher, maybe_moment_of, moment_of


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled task as the database holds it.

    Attributes:
        declared: in code; else made at run time.
        definition: hash of what was declared.
        interval_seconds, cron, zone: when it recurs.
        rules: JSON: see Rules.
        job: JSON of a NewJob: the request and options of its jobs.
        next_run_at: None if it never runs again.
        last_run_at: the time that its last run was for.
        runs: JSON: what the ref_ids of its last runs end with, oldest first.
        missed: times that passed while no node was there.
        skipped: times left out because the last run had not ended.
        revision: counts its changes, from a random number on.
    """

    name: str
    declared: bool
    definition: str
    request_type: str
    command: str
    interval_seconds: float | None
    cron: str | None
    zone: str
    rules: str
    job: str
    paused: bool = False
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    runs: str = "[]"
    missed: int = 0
    skipped: int = 0
    revision: int
    created_at: datetime | None = None


async def database_time(db: Fetcher) -> datetime:
    """The database's clock, in UTC."""
    return moment_of((await db.fetch("database_time"))[0][0])


async def list_tasks(db: Fetcher, name: str | None = None) -> list[TaskRow]:
    """All tasks by name, or the one of this name."""
    return [_task_of(row) for row in await db.fetch("list_tasks", name=name)]


async def find_due_tasks(
    db: Fetcher, tasks: Sequence[str], commands: Sequence[str], limit: int
) -> tuple[list[TaskRow], datetime | None]:
    """Tasks that are due and may be fired here, and the database's clock; see next_due."""
    rows = await db.fetch("find_due_tasks", tasks=tasks, commands=commands, limit=limit)
    return [_task_of(row) for row in rows], moment_of(rows[0]["now"]) if rows else None


async def insert_task(db: Fetcher, task: TaskRow) -> bool:
    """Make a task known; False if there is one of this name."""
    return bool(await db.fetch("insert_task", **msgspec.structs.asdict(task)))


async def update_task(db: Fetcher, task: TaskRow) -> bool:
    """Write a task that was read at its revision; False if it has changed since."""
    return bool(await db.fetch("update_task", **msgspec.structs.asdict(task)))


async def remove_task(db: Fetcher, name: str) -> bool:
    """Remove a task; False if there is none of this name."""
    return bool(await db.fetch("remove_task", name=name))


async def fire_task(db: Fetcher, task: TaskRow, job: NewJob, *, at_once: bool = False) -> JobRef | None:
    """Insert a job of a task and write when the task runs next; None if the task has changed since it was read.

    Args:
        task: as it is to be, at the revision at which it was read.
        job: its job, with a ref_id; if that is taken, the job that has it is returned.
        at_once: whatever the task's time is, and even if it is paused.
    """
    given = msgspec.structs.asdict(job) | {
        name: getattr(task, name)
        for name in ("name", "revision", "next_run_at", "last_run_at", "runs", "missed", "skipped")
    }
    rows = await db.fetch("fire_task", at_once=at_once, **given)
    return JobRef(int(rows[0][0]), job.ref_id, created=bool(rows[0][1])) if rows else None


def _task_of(row: Row) -> TaskRow:
    return TaskRow(
        name=row["name"],
        declared=bool(row["declared"]),
        definition=row["definition"],
        request_type=row["request_type"],
        command=row["command"],
        interval_seconds=row["interval_seconds"],
        cron=row["cron"],
        zone=row["zone"],
        rules=row["rules"],
        job=row["job"],
        paused=bool(row["paused"]),
        next_run_at=maybe_moment_of(row["next_run_at"]),
        last_run_at=maybe_moment_of(row["last_run_at"]),
        runs=row["runs"],
        missed=row["missed"],
        skipped=row["skipped"],
        revision=row["revision"],
        created_at=maybe_moment_of(row["created_at"]),
    )
