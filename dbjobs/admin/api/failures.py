"""Failures by cause, and actions on all jobs of one cause."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin import periods
from dbjobs.admin.call import Call, NotFound
from dbjobs.admin.kept import Kept
from dbjobs.admin.operations import Done, Operations
from dbjobs.engine.causes import OTHERS, Entry
from dbjobs.errors import InvalidOption
from dbjobs.inspect import causes
from dbjobs.inspect.causes import FailureGroup, FailureGroups
from dbjobs.inspect.conditions import Where
from dbjobs.inspect.periods import at
from dbjobs.models import Job
from dbjobs.store import repository
from dbjobs.store.repository.causes import cause_id

OPERATIONS = Operations("failures")
MOST_GROUPS = 200
KEEP_SECONDS = 1.5
# How many jobs' errors one step of an action reads, and how long an action runs before it says how far it got.
SLICE = 200
ACTION_SECONDS = 3.0
# A job that failed in the period may have been created this long before it.
OLDER = timedelta(days=14)

CauseId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Failed attempts with the same cause.

    Attributes:
        cause: its short name, the same on every node and in every release.
        command: the command that failed.
        code: the class of the error, or a word of ours: ``timeout``, ``http_500``, ``retry_after``; ``*`` for all
            beyond the 200 causes that a node tells apart in an hour.
        frame: ``file:function`` of the application where it was raised; empty if unknown.
        jobs: that failed for good.
        attempts: that failed, those of these jobs included.
        first_at, last_at: when it was seen first and last in this period.
        message: of the last one.
        sample: ids of the last few jobs, newest first.
        sample_texts: the same as strings, for clients without 64-bit integers.
        series: attempts over the period, in equal steps.
    """

    cause: str
    command: str
    code: str
    frame: str
    jobs: int
    attempts: int
    first_at: datetime
    last_at: datetime
    message: str
    sample: list[int]
    sample_texts: list[str]
    series: list[int]


class FailureList(msgspec.Struct, frozen=True, kw_only=True):
    """What failed in a period, most frequent cause first.

    Attributes:
        period, label: its name.
        since, until: its bounds, end excluded: on hours, or on days for what is older than 14 days.
        step_seconds: of the series.
        failures: at most 200.
        complete: False: there are more, in the list or than one look reads.
    """

    period: str
    label: str
    since: datetime
    until: datetime
    step_seconds: int
    failures: list[Failure]
    complete: bool


class FailuresAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which failures.

    Attributes:
        period: as in the overview.
        since, until: of a range.
        command: of this command only.
        q: only causes with this text in command, code, place or message.
    """

    period: str = "7d"
    since: str = ""
    until: str = ""
    command: str = ""
    q: str = ""


class OneCause(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a cause from the list of a period.

    Attributes:
        cause: its short name.
        period, since, until: as of the list.
        at_most: most jobs that one call reaches.
    """

    cause: CauseId
    period: str = "7d"
    since: str = ""
    until: str = ""
    at_most: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


_kept: Kept[FailureGroups] = Kept()


@OPERATIONS.get("/failures")
async def list_failures(call: Call, asked: FailuresAsked) -> FailureList:
    """What failed in a period, by cause: error, place where it was raised, command.

    The nodes count failures themselves and write their counts every few seconds; this reads no failed job.
    """
    period = await periods.chosen(call, asked.period, asked.since, asked.until)
    key = (period.time.since, period.time.until)
    found = await _kept.get(call.jobs, key, KEEP_SECONDS, lambda: causes.groups(call.db, period.time))
    text = asked.q.casefold()
    fitting = [
        group
        for group in found.groups
        if (not asked.command or group.command == asked.command)
        and (
            not text or any(text in part.casefold() for part in (group.command, group.code, group.frame, group.message))
        )
    ]
    return FailureList(
        period=period.name, label=period.label, since=found.since, until=found.until, step_seconds=found.step_seconds,
        failures=[_failure(group) for group in fitting[:MOST_GROUPS]],
        complete=found.complete and len(fitting) <= MOST_GROUPS,
    )  # fmt: skip


def _failure(group: FailureGroup) -> Failure:
    return Failure(**msgspec.structs.asdict(group), sample_texts=[str(id) for id in group.sample])


@OPERATIONS.post("/failures/requeue")
async def requeue_failures(call: Call, asked: OneCause) -> Done:
    """Requeue the failed jobs of one cause.

    It reads jobs in slices, newest first, and requeues those whose last error has this cause. A call ends after some
    seconds, and says whether there may be more.
    """
    return await _act(call, asked, "requeue")


@OPERATIONS.post("/failures/cancel")
async def cancel_failures(call: Call, asked: OneCause) -> Done:
    """Cancel the jobs that wait for a retry after they failed with one cause. Otherwise like requeueing."""
    return await _act(call, asked, "cancel")


async def _act(call: Call, asked: OneCause, action: Literal["requeue", "cancel"]) -> Done:
    group, since, until = await _frozen(call, asked)
    call.target = f"failures of {group.command}: {group.code} in {group.frame or 'an unknown place'} ({group.cause})"
    search: dict[str, Any] = {
        "state": "failed" if action == "requeue" else "scheduled",
        "command": group.command,
        "created_at": Where.between(since - OLDER, until),
    }
    ends = time.monotonic() + ACTION_SECONDS
    reached, before_id, more = 0, None, True
    while more and reached < asked.at_most and time.monotonic() < ends:
        found = await call.jobs.find(limit=SLICE, before_id=before_id, seconds=0.5, **search)
        before_id, more = found.before_id, found.before_id is not None
        if not found.jobs:
            continue
        whole = await repository.get_jobs(call.db, [job.id for job in found.jobs])
        ids = [job.id for job in fitting(whole.values(), group.cause)][: asked.at_most - reached]
        reached += await _do(call, ids, action)
    done = "queued again" if action == "requeue" else "cancelled"
    told = f"{reached} {'job' if reached == 1 else 'jobs'} {done}"
    return Done(message=told + (": there may be more, do it again" if more else ""), count=reached)


async def _frozen(call: Call, asked: OneCause) -> tuple[FailureGroup, datetime, datetime]:
    """The cause and the period as of now.

    Raises:
        NotFound: nothing failed with it in this period.
    """
    period = await periods.chosen(call, asked.period, asked.since, asked.until)
    found = await causes.groups(call.db, period.time)
    for group in found.groups:
        if group.cause == asked.cause and group.code == OTHERS[1]:
            raise InvalidOption("these are several causes, counted together: narrow the period, or search for the jobs")
        if group.cause == asked.cause:
            return group, found.since, min(found.until, at(period.now))
    raise NotFound(f"nothing has failed of the cause {asked.cause} in this period")


def fitting(jobs: Iterable[Job[Any]], cause: str) -> list[Job[Any]]:
    """The jobs whose last error has this cause, newest first."""
    return sorted((job for job in jobs if cause_of(job) == cause), key=lambda job: -job.id)


def cause_of(job: Job[Any]) -> str | None:
    """The cause of a job's last error, as its node counted it."""
    if not job.errors:
        return None
    last = job.errors[-1]
    return cause_id(Entry(last.code, last.message, last.traceback).cause(job.command))


async def _do(call: Call, ids: Sequence[int], action: Literal["requeue", "cancel"]) -> int:
    if not ids:
        return 0
    if action == "requeue":
        return await call.jobs.requeue_many(id=ids, state="failed")
    reason = f"cancelled by {call.visitor.name}, with all of its cause"
    return await call.jobs.cancel_many(id=ids, state="scheduled", reason=reason)
