"""Commands: what they are, what they did, their latest jobs, and their failures."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin import periods
from dbjobs.admin.api.command_rows import CommandRow, Registered, known_by, registered, row_of
from dbjobs.admin.api.failures import Failure, FailuresAsked, list_failures
from dbjobs.admin.api.overview import Totals, is_route, totals_of
from dbjobs.admin.call import Call, NotFound
from dbjobs.admin.kept import Kept
from dbjobs.admin.operations import Operations
from dbjobs.inspect import numbers
from dbjobs.inspect.numbers import Stat
from dbjobs.inspect.periods import Bucket, at, series
from dbjobs.models import FINAL_STATES, JobState, JobSummary, NodeInfo, RunRecord
from dbjobs.store import repository

OPERATIONS = Operations("commands")
KEEP_SECONDS = 3.0
# Looking for the latest jobs of a command, live or in the history, takes about this long at most.
LOOK_SECONDS = 0.03
LATEST = 25
BUILT_IN = "dbjobs."
_LIVE = tuple(state for state in JobState if state not in FINAL_STATES)
_ENDED = tuple(FINAL_STATES)

Kind = Literal["all", "apis", "commands"]


class CommandList(msgspec.Struct, frozen=True, kw_only=True):
    """Commands that ran in the period, or that this process or a living node can run."""

    period: str
    label: str
    since: datetime
    until: datetime
    commands: list[CommandRow]


class CommandsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which commands.

    Attributes:
        period: as in the overview.
        since, until: of a range.
        type: ``all``, ``apis`` or ``commands``.
        q: only those with this text in name, tags or documentation.
    """

    period: str = "7d"
    since: str = ""
    until: str = ""
    type: Kind = "all"
    q: str = ""


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """A job or a transient run.

    Attributes:
        id: of the job; for a run, its number in this process.
        id_text: the same as a string, for clients without 64-bit integers.
        transient: it is a run, which is not stored.
        at: when it began; if it has not, when it was created.
    """

    id: int
    id_text: str
    transient: bool
    command: str
    state: str
    worker: str | None
    attempt: int
    at: datetime
    duration_ms: float | None
    error_code: str | None
    error: str | None


class OneCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a command.

    Attributes:
        name: with its version, if it has one (``send@2``).
        period, since, until: as in the overview.
    """

    name: Annotated[str, Meta(min_length=1, max_length=500)]
    period: str = "7d"
    since: str = ""
    until: str = ""


class CommandDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One command.

    Attributes:
        registered: None if this process does not know it.
        nodes: names of the living nodes that can run it.
        totals: of the period.
        step_seconds: length of a bucket.
        buckets: the period, step by step.
        latest: its latest jobs and, of this process, transient runs.
        failures: of the period, by cause.
    """

    name: str
    kind: Literal["command", "api"]
    period: str
    label: str
    registered: Registered | None
    nodes: list[str]
    totals: Totals
    step_seconds: int
    buckets: list[Bucket]
    latest: list[Latest]
    failures: list[Failure]


class LatestAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the latest.

    Attributes:
        type: ``all``, ``apis`` or ``commands``.
        failed: only those that failed.
        limit: how many stored jobs, and as many transient runs.
    """

    type: Kind = "all"
    failed: bool = False
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class LatestList(msgspec.Struct, frozen=True, kw_only=True):
    """The latest ended jobs, and transient runs of this process, newest first.

    Attributes:
        complete: False: the look ran out of time before it found as many as were asked for.
    """

    latest: list[Latest]
    complete: bool


_stats: Kept[tuple[list[Stat], list[NodeInfo]]] = Kept()


@OPERATIONS.get("/commands")
async def list_commands(call: Call, asked: CommandsAsked) -> CommandList:
    """All commands that are known or have run, with their numbers of a period, from roll-ups."""
    period = await periods.chosen(call, asked.period, asked.since, asked.until)

    async def look() -> tuple[list[Stat], list[NodeInfo]]:
        return (await numbers.names(call.db, period.time))["command"], await repository.list_nodes(call.db)

    stats, nodes = await _stats.get(call.jobs, (period.time.since, period.time.until), KEEP_SECONDS, look)
    by_name: dict[str, Stat | None] = dict.fromkeys(call.jobs.stored_commands)
    known = known_by(nodes)
    by_name |= dict.fromkeys(known)
    # The library's own commands are listed once they have run.
    by_name = dict.fromkeys(name for name in by_name if not name.startswith(BUILT_IN))
    by_name |= {stat.name: stat for stat in stats if stat.name}
    runs = {timing.command: timing.count for timing in call.jobs.runs.timings()}
    rows = [row_of(call, name, stat, known.get(name, []), runs.get(name, 0)) for name, stat in by_name.items()]
    text = asked.q.casefold()
    return CommandList(
        period=period.name, label=period.label, since=at(period.time.since), until=at(period.time.until),
        commands=sorted(
            (row for row in rows if _wanted(row.name, asked.type)
             and (not text or any(text in part.casefold() for part in (row.name, row.about, *row.tags)))),
            key=lambda row: (-row.total, row.name),
        ),
    )  # fmt: skip


@OPERATIONS.get("/commands/one")
async def get_command(call: Call, asked: OneCommand) -> CommandDetails:
    """One command: what it is, its durations over time, its latest jobs, and why it failed."""
    period = await periods.chosen(call, asked.period, asked.since, asked.until)
    command = call.jobs._registry.get(asked.name)
    # Live jobs and history separately: in one look at both, a backlog of other commands would use up the time.
    live, ended, found, (nodes, failed) = await asyncio.gather(
        _latest(call, LATEST, {"command": asked.name, "state": _LIVE}),
        _latest(call, LATEST, {"command": asked.name, "state": _ENDED}),
        series(call.db, period.time, command=asked.name),
        _nodes_and_failures(call, asked),
    )
    latest = [*{one.id: one for one in (*live[0], *ended[0])}.values()]  # a job that just ended is found twice
    latest += [_run(run) for run in call.jobs.runs.latest(250) if run.command == asked.name][:LATEST]
    totals = totals_of(found.total)
    if command is None and not nodes and not latest and not totals.total and not totals.retried:
        raise NotFound(f"there is no command {asked.name!r}, and none has run in this period")
    return CommandDetails(
        name=asked.name, kind="api" if is_route(asked.name) else "command", period=period.name, label=period.label,
        registered=None if command is None else registered(call, command), nodes=nodes, totals=totals,
        step_seconds=found.step_seconds, buckets=list(found.buckets),
        latest=sorted(latest, key=lambda one: one.at, reverse=True)[:LATEST], failures=failed,
    )  # fmt: skip


async def _nodes_and_failures(call: Call, asked: OneCommand) -> tuple[list[str], list[Failure]]:
    """The living nodes that can run a command, and why it failed."""
    nodes = known_by(await repository.list_nodes(call.db)).get(asked.name, [])
    failed = await list_failures(
        call,
        FailuresAsked(period=asked.period, since=asked.since, until=asked.until, command=asked.name),
    )
    return nodes, failed.failures


@OPERATIONS.get("/commands/latest")
async def latest_commands(call: Call, asked: LatestAsked) -> LatestList:
    """The latest ended jobs of all commands, with this process's transient runs.

    The look at stored jobs is bounded in time.
    """
    states = ("failed",) if asked.failed else _ENDED
    jobs, complete = await _latest(call, asked.limit, {"state": states, **_of_type(asked.type)})
    runs = call.jobs.runs.failed(asked.limit) if asked.failed else call.jobs.runs.latest(asked.limit)
    found = [*jobs, *(_run(run) for run in runs if _wanted(run.command, asked.type))]
    return LatestList(latest=sorted(found, key=lambda one: one.at, reverse=True), complete=complete)


def _of_type(kind: Kind) -> dict[str, Any]:
    return {} if kind == "all" else {"request_type": "api" if kind == "apis" else "command"}


def _wanted(name: str, kind: Kind) -> bool:
    return kind == "all" or is_route(name) == (kind == "apis")


async def _latest(call: Call, limit: int, search: dict[str, Any]) -> tuple[list[Latest], bool]:
    found = await call.jobs.find(limit=limit, seconds=LOOK_SECONDS, **search)
    return [_job(job) for job in found.jobs], found.complete or len(found.jobs) >= limit


def _job(job: JobSummary) -> Latest:
    return Latest(
        id=job.id, id_text=str(job.id), transient=False, command=job.command, state=job.state, worker=job.worker,
        attempt=job.attempt, at=job.completed_at or job.started_at or job.created_at, duration_ms=job.duration_ms,
        error_code=job.error_code, error=job.error,
    )  # fmt: skip


def _run(run: RunRecord) -> Latest:
    return Latest(
        id=run.id, id_text=str(run.id), transient=True, command=run.command, state=run.state, worker=run.worker,
        attempt=1, at=run.ended_at, duration_ms=run.duration_ms, error_code=run.error_code, error=run.error,
    )  # fmt: skip
