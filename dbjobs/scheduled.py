"""Scheduled tasks as people see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from dbjobs.models import Job, JobState, NodeInfo
from dbjobs.schedule import Schedule
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.transactions.scheduling import job_of, rules_of, runs_of, schedule_of


class TaskRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a scheduled task.

    Attributes:
        task: its name.
        scheduled_for: the time that it was for, in UTC.
        asked: somebody has asked for it (``run_now``).
        ref_id: of its job.
        job_id, state, started_at, completed_at, duration_ms, error: of its job; None if that has left the
            history, or the run was a transient one.
    """

    task: str
    scheduled_for: datetime
    asked: bool
    ref_id: str
    job_id: int | None = None
    state: JobState | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: float | None = None
    error: str | None = None


class ScheduledTask(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled task as the database holds it. Times are UTC, by the database's clock.

    Attributes:
        schedule: when it recurs.
        declared: in code, with ``@jobs.recurring``; else made at run time, with ``jobs.schedules.put``.
        command, request_type: what its jobs run.
        request: what they get, as decoded JSON.
        queue, worker, user_id: of its jobs.
        misfire, overlap, jitter_seconds, start, end: see TaskOptions.
        next_run_at: None if it never runs again.
        last_run_at: the time that its last run was for.
        last_job_id, last_state, last_duration_ms: of the job of its last run, while that is in the history.
        failures: runs in a row that have failed, up to the last one that has ended; at most the 20 that are remembered.
        missed: times that passed while no node was there to run it; see the page about schedules.
        skipped: times left out because the run before had not ended (``overlap="skip"``).
        transient: its runs are not stored as jobs.
        nodes: living nodes that declare it; None for a task made at run time.
    """

    name: str
    schedule: Schedule
    declared: bool
    command: str
    request_type: str
    request: Any
    queue: str
    worker: str | None
    user_id: str | None
    misfire: Literal["one", "all", "none"]
    overlap: Literal["allow", "skip"]
    jitter_seconds: float
    start: datetime | None
    end: datetime | None
    paused: bool
    created_at: datetime | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_job_id: int | None
    last_state: JobState | None
    last_duration_ms: float | None
    failures: int
    missed: int
    skipped: int
    transient: bool
    nodes: int | None

    @property
    def status(self) -> Literal["paused", "over", "undeclared", "active"]:
        """``undeclared``: no living node declares it, so it does not run; ``over``: it has no next time."""
        if self.paused:
            return "paused"
        if self.next_run_at is None:
            return "over"
        return "undeclared" if self.nodes == 0 else "active"


def task_of(
    row: TaskRow, nodes: list[NodeInfo], refs: dict[str, int], ended: dict[int, JobState], last: Job | None
) -> ScheduledTask:
    """A row with what its jobs say.

    Args:
        refs: the jobs of its last runs, by ref_id.
        ended: how those of them ended that have.
        last: the job of its last run.
    """
    rules, job = rules_of(row), job_of(row)
    return ScheduledTask(
        name=row.name,
        schedule=schedule_of(row),
        declared=row.declared,
        command=row.command,
        request_type=row.request_type,
        request=None if job.request_body is None else msgspec.json.decode(job.request_body),
        queue=job.queue,
        worker=job.worker,
        user_id=job.user_id,
        misfire=rules.misfire,
        overlap=rules.overlap,
        jitter_seconds=rules.jitter_seconds,
        start=rules.start,
        end=rules.end,
        paused=row.paused,
        created_at=row.created_at,
        next_run_at=row.next_run_at,
        last_run_at=row.last_run_at,
        last_job_id=None if last is None else last.id,
        last_state=None if last is None else last.state,
        last_duration_ms=None if last is None else last.duration_ms,
        failures=_failures([ended[refs[ref]] for ref, _, _ in runs_of(row) if refs.get(ref) in ended]),
        missed=row.missed,
        skipped=row.skipped,
        transient=rules.transient,
        nodes=sum(node.alive and row.name in node.info.get("tasks", ()) for node in nodes) if row.declared else None,
    )


def run_of(row: TaskRow, ref_id: str, moment: datetime, asked: bool, job: Job | None) -> TaskRun:
    """One of a task's last runs."""
    run = TaskRun(task=row.name, scheduled_for=moment, asked=asked, ref_id=ref_id)
    if job is None:
        return run
    return msgspec.structs.replace(
        run,
        job_id=job.id,
        state=job.state,
        started_at=job.started_at,
        completed_at=job.completed_at,
        duration_ms=job.duration_ms,
        error=job.error,
    )


def _failures(states: list[JobState]) -> int:
    """How many of them failed at the end of the list, oldest first."""
    count = 0
    for state in reversed(states):
        if state is not JobState.FAILED:
            break
        count += 1
    return count
