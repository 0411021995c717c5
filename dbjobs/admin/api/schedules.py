"""Scheduled tasks: when they run, how they ran, and actions on them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dbjobs.admin.agenda import Time, in_words, times_of, times_today
from dbjobs.admin.api.task_rows import Run, Task, row_of, stored_of, tasks_of
from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.operations import Done, Nothing, Operations
from dbjobs.errors import InvalidOption
from dbjobs.schedule import Schedule
from dbjobs.store import repository
from dbjobs.store.transactions.scheduling import rules_of, schedule_of

OPERATIONS = Operations("schedules")
# Tasks in one answer: with 20 runs each, that is a thousand jobs looked up by key.
PAGE = 50

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class TaskList(msgspec.Struct, frozen=True, kw_only=True):
    """Scheduled tasks, by name.

    Attributes:
        after: pass it to the next call for the tasks after these; None: these were the last.
        total: all tasks.
    """

    tasks: list[Task]
    after: str | None
    total: int


class TaskDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its rules and its next times.

    Attributes:
        next: its next ten times.
        request: of its jobs.
        misfire, overlap, jitter_seconds, start, end: its rules.
        failures: how many runs in a row failed.
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
        times: when it runs; empty if it runs more often than the page can show.
        often: it runs more often than the page can show.
    """

    task: str
    times: list[datetime]
    often: bool


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What runs when.

    Attributes:
        start: the hour at which the strips begin; they end 24 hours later.
        complete: False: there are more tasks than one look covers.
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
        zone: to read it in.
    """

    expression: Annotated[str, Meta(max_length=500)]
    zone: Annotated[str, Meta(max_length=100)] = "UTC"


@OPERATIONS.get("/schedules")
async def list_schedules(call: Call, asked: AskPage) -> TaskList:
    """Scheduled tasks, by name, with their last runs."""
    # In our own order, because a page names where the next one begins: a database may sort otherwise (a, B, c).
    rows = sorted(await repository.list_tasks(call.db), key=lambda row: row.name)
    later = [row for row in rows if row.name > asked.after]
    page = later[:PAGE]
    return TaskList(
        tasks=await tasks_of(call, page),
        after=page[-1].name if len(later) > PAGE else None,
        total=len(rows),
    )


@OPERATIONS.get("/schedules/task")
async def get_schedule(call: Call, asked: OneTask) -> TaskDetail:
    """A task with its rules, its next times and its last runs."""
    row = await row_of(call, asked.task)
    found = (await tasks_of(call, [row]))[0]
    stored = stored_of(row, {}, {}, [])
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
    """What runs when in the 24 hours from this hour."""
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
    """What a cron expression means, and when it runs next; stores nothing."""
    schedule = Schedule.cron(asked.expression, tz=asked.zone)
    now = await repository.database_time(call.db)
    first = next(islice(schedule.times_after(now), 1), None)
    return Tried(
        expression=schedule.expression or "", zone=schedule.tz, words=in_words(schedule),
        next=times_of(schedule, first, None),
    )  # fmt: skip


@OPERATIONS.post("/schedules/pause", verb="admin")
async def pause_schedule(call: Call, asked: OneTask) -> Done:
    """Stop firing a task until it is resumed; starts and deploys leave it paused."""
    call.target = f"task {asked.task}"
    await call.jobs.schedules.pause(asked.task)
    return Done(message=f"{asked.task} is paused")


@OPERATIONS.post("/schedules/resume", verb="admin")
async def resume_schedule(call: Call, asked: OneTask) -> Done:
    """Fire a task again, from its next time."""
    call.target = f"task {asked.task}"
    await call.jobs.schedules.resume(asked.task)
    return Done(message=f"{asked.task} goes on")


@OPERATIONS.post("/schedules/run")
async def run_schedule(call: Call, asked: OneTask) -> Done:
    """Run a task once, now, in addition to its schedule, even if it is paused."""
    call.target = f"task {asked.task}"
    ref = await call.jobs.schedules.run_now(asked.task)
    return Done(message=f"{asked.task} runs as job {ref.id}")


@OPERATIONS.post("/schedules/remove", verb="admin")
async def remove_schedule(call: Call, asked: OneTask) -> Done:
    """Remove a task that was made at run time; its jobs stay."""
    call.target = f"task {asked.task}"
    row = await row_of(call, asked.task)
    if row.declared:
        raise InvalidOption(f"task {asked.task!r} is declared in code: take it out there, or pause it")
    if not await call.jobs.schedules.remove(asked.task):
        raise NotFound(f"there is no scheduled task {asked.task!r}")
    return Done(message=f"{asked.task} is removed")


# --- parts ----------------------------------------------------------------------------------


def _failures(runs: list[Run]) -> int:
    ended = [run.state for run in runs if run.state not in (None, "running")]
    count = 0
    for state in reversed(ended):
        if state != "failed":
            break
        count += 1
    return count
