"""Scheduled tasks as the page shows them, with their last runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dbjobs.admin.agenda import in_words
from dbjobs.admin.call import Call
from dbjobs.client.client import IDS_PER_STATEMENT
from dbjobs.errors import UnknownTask
from dbjobs.models import NodeInfo
from dbjobs.schedule.zones import zone_of
from dbjobs.scheduled import ScheduledTask, task_of
from dbjobs.store import repository
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.transactions.scheduling import runs_of, schedule_of


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One of a task's last runs.

    Attributes:
        scheduled_for: the scheduled time.
        asked: somebody asked for it.
        job, job_text: id of its job; None if that has left the history, or the run stored none.
        state: ``completed``, ``failed`` or ``cancelled``; ``running`` while its job has not ended.
        duration_ms: of its job's last attempt.
    """

    scheduled_for: datetime
    asked: bool
    job: int | None
    job_text: str | None
    state: str | None
    duration_ms: float | None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled task.

    Attributes:
        schedule: its expression or interval.
        words: the same in English.
        zone: in which the expression is read; None for an interval.
        declared: in code; otherwise made at run time, and removable.
        status: ``active``, ``paused``, ``over``: it has no next time, ``undeclared``: no living node declares it.
        next_run_at: None if it never runs again.
        last_run_at, last_state, last_duration_ms, last_job, last_job_text: of its last run.
        runs: its last 20, oldest first.
        missed: times that passed while no node was there to run it.
        skipped: times left out because the previous run had not ended.
        transient: its runs are not stored as jobs.
        nodes: living nodes that declare it; None for a task made at run time.
    """

    name: str
    schedule: str
    words: str
    zone: str | None
    declared: bool
    status: str
    command: str
    queue: str
    worker: str | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_state: str | None
    last_duration_ms: float | None
    last_job: int | None
    last_job_text: str | None
    runs: list[Run]
    missed: int
    skipped: int
    transient: bool
    nodes: int | None


async def row_of(call: Call, name: str) -> TaskRow:
    """The row of a task.

    Raises:
        UnknownTask.
    """
    rows = await repository.list_tasks(call.db, name)
    if not rows:
        raise UnknownTask(f"there is no scheduled task {name!r}")
    return rows[0]


async def tasks_of(call: Call, rows: list[TaskRow]) -> list[Task]:
    """Tasks with their last runs: one look for all their jobs."""
    wanted = [ref for row in rows for ref, _, _ in runs_of(row)]
    refs: dict[str, int] = {}
    for start in range(0, len(wanted), IDS_PER_STATEMENT):
        refs |= await repository.find_refs(call.db, wanted[start : start + IDS_PER_STATEMENT])
    ids = list(refs.values())
    ended: dict[int, tuple[Any, float | None]] = {}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        ended |= await repository.find_runs(call.db, ids[start : start + IDS_PER_STATEMENT])
    nodes = await repository.list_nodes(call.db) if any(row.declared for row in rows) else []
    return [_task(row, refs, ended, nodes) for row in rows]


def stored_of(row: TaskRow, refs: Mapping[str, int], ended: Mapping[int, Any], nodes: list[NodeInfo]) -> ScheduledTask:
    """A row as a task, with the outcomes of its runs."""
    states = {id: state for id, (state, _) in ended.items()}
    return task_of(row, nodes, dict(refs), states, None)


def _task(
    row: TaskRow, refs: Mapping[str, int], ended: Mapping[int, tuple[Any, float | None]], nodes: list[NodeInfo]
) -> Task:
    stored = stored_of(row, refs, ended, nodes)
    runs = []
    for ref, moment, was_asked in runs_of(row):
        id = refs.get(ref)
        state, took = ended.get(id, ("running", None)) if id is not None else (None, None)
        runs.append(
            Run(
                scheduled_for=moment, asked=was_asked, job=id, job_text=None if id is None else str(id), state=state,
                duration_ms=took,
            )
        )  # fmt: skip
    last = runs[-1] if runs else None
    ran = row.last_run_at if last is None else last.scheduled_for
    schedule = schedule_of(row)
    zone = None if schedule.expression is None else getattr(zone_of(schedule.tz), "key", schedule.tz)
    return Task(
        name=row.name, schedule=schedule.expression or f"every {schedule.interval_seconds:g} s",
        words=in_words(schedule), zone=zone, declared=row.declared, status=stored.status, command=row.command,
        queue=stored.queue, worker=stored.worker, next_run_at=row.next_run_at, last_run_at=ran,
        last_state=None if last is None else last.state, last_duration_ms=None if last is None else last.duration_ms,
        last_job=None if last is None else last.job, last_job_text=None if last is None else last.job_text,
        runs=runs, missed=row.missed, skipped=row.skipped, transient=stored.transient, nodes=stored.nodes,
    )  # fmt: skip
