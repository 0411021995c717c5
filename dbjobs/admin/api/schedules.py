"""Scheduled tasks: when they run, how they ran, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dbjobs.admin.agenda import Time, in_words, times_of, times_today
from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.operations import Done, Nothing, Operations
from dbjobs.client.client import IDS_PER_STATEMENT
from dbjobs.errors import InvalidOption, UnknownTask
from dbjobs.models import NodeInfo
from dbjobs.schedule import Schedule
from dbjobs.schedule.zones import zone_of
from dbjobs.scheduled import ScheduledTask, task_of
from dbjobs.store import repository
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.transactions.scheduling import rules_of, runs_of, schedule_of

OPERATIONS = Operations("schedules")
# Tasks of one answer: with 20 runs each, a thousand jobs are looked up by key.
PAGE = 50

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One of a task's last runs.

    Attributes:
        scheduled_for: the time that it was for.
        asked: somebody has asked for it.
        job, job_text: id of its job; None if that has left the history, or the run left none.
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
        declared: in code; else made at run time, and can be removed.
        status: ``active``, ``paused``, ``over``: it has no next time, ``undeclared``: no living node declares it.
        next_run_at: None if it never runs again.
        last_run_at, last_state, last_duration_ms, last_job, last_job_text: of its last run.
        runs: its last 20, oldest first.
        missed: times that have passed while nobody was there to run it.
        skipped: times left out because the run before had not ended.
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


class TaskList(msgspec.Struct, frozen=True, kw_only=True):
    """Scheduled tasks, by name.

    Attributes:
        after: hand it to the next call for the tasks after these; None: these were the last.
        total: all tasks that there are.
    """

    tasks: list[Task]
    after: str | None
    total: int


class TaskDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its rules and its next times.

    Attributes:
        next: its next ten times.
        request: what its jobs get.
        misfire, overlap, jitter_seconds, start, end: its rules.
        failures: runs in a row that have failed.
    """

    task: Task
    next: list[Time]
    request: Any
    misfire: str
    overlap: str
    jitter_seconds: float
    start: datetime | None
    end: datetime | None
    failures: int
    created_at: datetime | None


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """What a task does in the next 24 hours.

    Attributes:
        task: its name.
        times: when it runs; empty if that is so often that ``count`` says it better.
        often: it runs more often than can be shown.
    """

    task: str
    times: list[datetime]
    often: bool


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What runs when.

    Attributes:
        start: the hour that the strips begin at; they end 24 hours later.
        complete: False: there are more tasks than could be looked at.
    """

    start: datetime
    strips: list[Strip]
    complete: bool


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What an expression means.

    Attributes:
        words: in English.
        next: its next ten times.
    """

    expression: str
    zone: str
    words: str
    next: list[Time]


class AskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of the tasks: those after a name."""

    after: Annotated[str, Meta(max_length=200)] = ""


class OneTask(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a task."""

    task: Name


class Expression(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the tester.

    Attributes:
        expression: five fields of cron, or six with seconds first.
        zone: in which it is read.
    """

    expression: Annotated[str, Meta(max_length=500)]
    zone: Annotated[str, Meta(max_length=100)] = "UTC"


@OPERATIONS.get("/schedules")
async def list_schedules(call: Call, asked: AskPage) -> TaskList:
    """Scheduled tasks, by name, with their last runs."""
    rows = await repository.list_tasks(call.db)
    later = [row for row in rows if row.name > asked.after]
    page = later[:PAGE]
    return TaskList(
        tasks=await _tasks(call, page),
        after=page[-1].name if len(later) > PAGE else None,
        total=len(rows),
    )


@OPERATIONS.get("/schedules/task")
async def get_schedule(call: Call, asked: OneTask) -> TaskDetail:
    """A task with its rules, its next times and its last runs."""
    row = await _row(call, asked.task)
    found = (await _tasks(call, [row]))[0]
    stored = _stored(row, {}, {}, [])
    after = row.next_run_at
    rules = rules_of(row)
    return TaskDetail(
        task=found,
        next=times_of(schedule_of(row), after, rules.end),
        request=shown(call, "request", stored.request),
        misfire=rules.misfire, overlap=rules.overlap, jitter_seconds=rules.jitter_seconds, start=rules.start,
        end=rules.end, failures=_failures(found.runs), created_at=row.created_at,
    )  # fmt: skip


@OPERATIONS.get("/schedules/day")
async def day_of_schedules(call: Call, asked: Nothing) -> Day:
    """What runs when in the 24 hours from this hour on."""
    rows = await repository.list_tasks(call.db)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    strips: list[Strip] = []
    active = [row for row in rows if not row.paused and row.next_run_at is not None]
    for row in active[:PAGE]:
        assert row.next_run_at is not None
        rules = rules_of(row)
        times, often = times_today(schedule_of(row), row.next_run_at, start, rules.end)
        strips.append(Strip(task=row.name, times=list(times), often=often))
    return Day(start=start, strips=strips, complete=len(active) <= PAGE)


@OPERATIONS.get("/schedules/try")
async def try_schedule(call: Call, asked: Expression) -> Tried:
    """What a cron expression means, and when it comes next; nothing is stored."""
    schedule = Schedule.cron(asked.expression, tz=asked.zone)
    now = await repository.database_time(call.db)
    first = next(islice(schedule.times_after(now), 1), None)
    return Tried(
        expression=schedule.expression or "", zone=schedule.tz, words=in_words(schedule),
        next=times_of(schedule, first, None),
    )  # fmt: skip


@OPERATIONS.post("/schedules/pause", verb="admin")
async def pause_schedule(call: Call, asked: OneTask) -> Done:
    """Fire a task no more until it is resumed; starts and deploys leave it paused."""
    call.target = f"task {asked.task}"
    await call.jobs.schedules.pause(asked.task)
    return Done(message=f"{asked.task} is paused")


@OPERATIONS.post("/schedules/resume", verb="admin")
async def resume_schedule(call: Call, asked: OneTask) -> Done:
    """Fire a task again, from its next time on."""
    call.target = f"task {asked.task}"
    await call.jobs.schedules.resume(asked.task)
    return Done(message=f"{asked.task} goes on")


@OPERATIONS.post("/schedules/run")
async def run_schedule(call: Call, asked: OneTask) -> Done:
    """Run a task once, now, beside its schedule, even if it is paused."""
    call.target = f"task {asked.task}"
    ref = await call.jobs.schedules.run_now(asked.task)
    return Done(message=f"{asked.task} runs as job {ref.id}")


@OPERATIONS.post("/schedules/remove", verb="admin")
async def remove_schedule(call: Call, asked: OneTask) -> Done:
    """Remove a task that was made at run time; its jobs stay."""
    call.target = f"task {asked.task}"
    row = await _row(call, asked.task)
    if row.declared:
        raise InvalidOption(f"task {asked.task!r} is declared in code: take it out there, or pause it")
    if not await call.jobs.schedules.remove(asked.task):
        raise NotFound(f"there is no scheduled task {asked.task!r}")
    return Done(message=f"{asked.task} is removed")


# --- parts ----------------------------------------------------------------------------------


async def _row(call: Call, name: str) -> TaskRow:
    rows = await repository.list_tasks(call.db, name)
    if not rows:
        raise UnknownTask(f"there is no scheduled task {name!r}")
    return rows[0]


async def _tasks(call: Call, rows: list[TaskRow]) -> list[Task]:
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


def _stored(row: TaskRow, refs: Mapping[str, int], ended: Mapping[int, Any], nodes: list[NodeInfo]) -> ScheduledTask:
    states = {id: state for id, (state, _) in ended.items()}
    return task_of(row, nodes, dict(refs), states, None)


def _task(
    row: TaskRow, refs: Mapping[str, int], ended: Mapping[int, tuple[Any, float | None]], nodes: list[NodeInfo]
) -> Task:
    stored = _stored(row, refs, ended, nodes)
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


def _failures(runs: list[Run]) -> int:
    ended = [run.state for run in runs if run.state not in (None, "running")]
    count = 0
    for state in reversed(ended):
        if state != "failed":
            break
        count += 1
    return count
