"""`dbjobs schedules`: what recurs, when it runs next, how its last runs ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import msgspec
import typer

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Schema, Url
from dbjobs.cli.output import (
    STATE_STYLES,
    Column,
    milliseconds,
    moment,
    one_line,
    pretty,
    write,
    write_json,
    write_table,
)
from dbjobs.errors import UnknownTask
from dbjobs.schedule import Schedule
from dbjobs.schedule.zones import zone_of
from dbjobs.scheduled import ScheduledTask, TaskRun
from dbjobs.wording import lasting

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="Its name.")]

_TASKS = (
    Column("TASK"),
    Column("SCHEDULE", may_shrink=True),
    Column("COMMAND", may_shrink=True),
    Column("STATUS"),
    Column("NEXT (UTC)"),
    Column("LAST (UTC)"),
    Column("ENDED"),
    Column("TOOK", right=True),
    Column("FAILURES", right=True, optional=True),
    Column("MISSED", right=True, optional=True),
)
_RUNS = (
    Column("FOR (UTC)"),
    Column("JOB", right=True),
    Column("STATE"),
    Column("TOOK", right=True),
    Column("ERROR", may_shrink=True, optional=True),
)
_STYLES = {**STATE_STYLES, "paused": "yellow", "undeclared": "bold red", "active": "green"}

app = typer.Typer(
    name="schedules",
    help="Scheduled tasks: what recurs, when it runs next, how its last runs ended.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def list_(url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """List the scheduled tasks.

    --json writes one object a line.
    """
    run(_list(url, schema, as_json))


def show(task: TaskName, url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """Show one task, its next times and its last runs."""
    run(_show(task, url, schema, as_json))


def pause(task: TaskName, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Stop firing a task; starts and deploys leave it paused."""
    run(_pause(task, url, schema))


def resume(task: TaskName, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Fire a paused task again, from its next time on."""
    run(_resume(task, url, schema))


def run_(task: TaskName, url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """Run a task once, now, in addition to its schedule."""
    run(_run(task, url, schema, as_json))


def remove(task: TaskName, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Remove a task; its jobs stay.

    One that is declared in code comes back when a process that declares it starts.
    """
    run(_remove(task, url, schema))


def next_(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help='A cron expression, such as "0 9 * * 1-5".')],
    tz: Annotated[str, typer.Option("--tz", metavar="ZONE", help="The time zone in which it is read.")] = "UTC",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many times.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Say what a cron expression means and when it comes next.

    It asks no database: times are counted from this machine's clock.
    """
    schedule = Schedule.cron(expression, tz=tz)
    times = list(islice(schedule.times_after(datetime.now(UTC)), count))
    if as_json:
        for time in times:
            write_json(time)
        return
    write(schedule.in_words())
    for time in times:
        write(f"  {_both(time, tz)}")


for name, command in (
    ("list", list_),
    ("show", show),
    ("pause", pause),
    ("resume", resume),
    ("run", run_),
    ("remove", remove),
    ("next", next_),
):
    app.command(name)(command)


async def _list(url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        found = await jobs.schedules.list()
    if as_json:
        for task in found:
            write_json(_plain(task))
        return
    if not found:
        write("no scheduled tasks")
        return
    rows = [
        (
            task.name,
            str(task.schedule),
            task.command,
            task.status,
            moment(task.next_run_at),
            moment(task.last_run_at),
            str(task.last_state or ""),
            milliseconds(task.last_duration_ms),
            str(task.failures or ""),
            str(task.missed or ""),
        )
        for task in found
    ]
    write_table(_TASKS, rows, styles=_STYLES)


async def _show(name: str, url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        task = await jobs.schedules.get(name)
        if task is None:
            raise UnknownTask(f"there is no scheduled task {name!r}; dbjobs schedules list names them")
        times = await jobs.schedules.next_runs(name, 5)
        runs = await jobs.schedules.runs(name)
    if as_json:
        write_json({**_plain(task), "next_runs": times, "runs": runs}, indent=2)
        return
    write(f"task {one_line(task.name)}  {task.status}", _STYLES.get(task.status))
    facts = [(name, value) for name, value in _facts(task) if value]
    width = max(len(name) for name, _ in facts)
    for fact, value in facts:
        write(f"  {fact.ljust(width)}  {one_line(value)}")
    if task.request is not None:
        write()
        write("request", "bold")
        for line in pretty(task.request).split("\n"):
            write(f"  {line}")
    if times and task.status == "active":
        write()
        write("next times", "bold")
        for time in times:
            write(f"  {_both(time, task.schedule.tz)}")
    if runs:
        write()
        write_table(_RUNS, [_run_row(run) for run in runs], styles=STATE_STYLES)


async def _pause(name: str, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        await jobs.schedules.pause(name)
    write(f"task {one_line(name)} is paused; to go on: dbjobs schedules resume {one_line(name)}")


async def _resume(name: str, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        await jobs.schedules.resume(name)
        task = await jobs.schedules.get(name)
    following = None if task is None else task.next_run_at
    write(f"task {one_line(name)} goes on" + (f"; next at {moment(following)} UTC" if following else ""))


async def _run(name: str, url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        ref = await jobs.schedules.run_now(name)
    if as_json:
        write_json(ref)
    else:
        write(f"job {ref.id} runs task {one_line(name)}; to see it: dbjobs show {ref.id}")


async def _remove(name: str, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        if not await jobs.schedules.remove(name):
            raise UnknownTask(f"there is no scheduled task {name!r}; dbjobs schedules list names them")
    write(f"task {one_line(name)} is removed")


def _facts(task: ScheduledTask) -> Iterator[tuple[str, str]]:
    yield "schedule", str(task.schedule)
    yield "in words", task.schedule.in_words()
    yield "command", task.command
    if task.nodes is None:
        yield "made", "at run time"
    else:
        yield "made", f"in code; living nodes that declare it: {task.nodes}"
    yield "queue", task.queue
    yield "worker", task.worker or ""
    yield "user", task.user_id or ""
    yield "transient", "yes" if task.transient else ""
    yield "misfire", task.misfire
    yield "overlap", task.overlap
    yield "jitter", lasting(task.jitter_seconds) if task.jitter_seconds else ""
    yield "start", moment(task.start)
    yield "end", moment(task.end)
    yield "next", moment(task.next_run_at)
    yield "last", moment(task.last_run_at)
    yield "failed in a row", str(task.failures or "")
    yield "missed", str(task.missed or "")
    yield "skipped", str(task.skipped or "")


def _plain(task: ScheduledTask) -> dict[str, object]:
    return {**msgspec.structs.asdict(task), "schedule": str(task.schedule), "status": task.status}


def _run_row(run: TaskRun) -> tuple[str, ...]:
    return (
        moment(run.scheduled_for) + (" (asked)" if run.asked else ""),
        str(run.job_id or ""),
        str(run.state or "no job"),
        milliseconds(run.duration_ms),
        run.error or "",
    )


def _both(time: datetime, tz: str) -> str:
    """A time in UTC, and as clocks in its zone show it."""
    local = "" if tz == "UTC" else f"  {time.astimezone(zone_of(tz)).isoformat(' ', 'seconds')} {tz}"
    return f"{moment(time)} UTC{local}"
