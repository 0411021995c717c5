"""Failures by cause: which error, where it was raised, in which command, and when."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dbjobs.inspect.periods import STEPS, Period, at
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.repository.causes import Cause, Failures, cause_id
from dbjobs.store.repository.rollups import DAY, HOUR

# How many rows of hours, and of days, one look reads. With more it leaves out the oldest part and says so.
MOST_ROWS = 10_000
# Most points of a small line.
POINTS = 36


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failed attempts with the same cause.

    Attributes:
        cause: its short name, the same on every node and in every release.
        command: the command that failed.
        code: the class of the error, or a word of ours: ``timeout``, ``http_500``, ``retry_after``.
        frame: ``file:function`` of the application where it was raised; empty if unknown.
        jobs: that failed for good.
        attempts: that failed, those of these jobs included.
        first_at, last_at: when it was seen first and last in this period.
        message: of the last one.
        sample: ids of the last few jobs, newest first.
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
    series: list[int]


class FailureGroups(msgspec.Struct, frozen=True, kw_only=True):
    """What failed in a period, most frequent cause first.

    Attributes:
        since, until: the period, end excluded; on hours, or on days (UTC) for what is older than 14 days.
        step_seconds: of each group's series.
        complete: False: one look cannot read all rows, so the oldest are left out.
    """

    since: datetime
    until: datetime
    step_seconds: int
    groups: list[FailureGroup]
    complete: bool


async def groups(db: Database, time: Period, *, command: str | None = None, points: int = POINTS) -> FailureGroups:
    """Failures of a period by cause, from the nodes' own counts: it reads no failed job.

    Args:
        command: only of this one.
        points: at most this many steps in each group's series.
    """
    step = _step(time, points)
    since = time.since // min(step, DAY) * min(step, DAY)
    rows = await repository.list_causes(db, since, time.until, MOST_ROWS)
    found: dict[Cause, tuple[Failures, list[int]]] = {}
    for row in rows:
        if command is not None and row.cause[0] != command:
            continue
        failures, series = found.setdefault(row.cause, (Failures(), [0] * -(-(time.until - since) // step)))
        failures.add(row.failures)
        series[(row.starts - since) // step] += row.failures.attempts
    listed = [_group(cause, failures, series) for cause, (failures, series) in found.items()]
    return FailureGroups(
        since=at(since), until=at(time.until), step_seconds=step,
        groups=sorted(listed, key=lambda group: (-group.attempts, group.command, group.code, group.frame)),
        complete=max(sum(row.period_seconds == size for row in rows) for size in (3600, 86400)) < MOST_ROWS,
    )  # fmt: skip


def _step(time: Period, points: int) -> int:
    """A round step of hours or days."""
    for step in STEPS:
        if step >= max(time.finest, HOUR) and time.seconds <= step * points:
            return step
    return -(-time.seconds // (points * DAY)) * DAY


def _group(cause: Cause, failures: Failures, series: list[int]) -> FailureGroup:
    command, code, frame = cause
    return FailureGroup(
        cause=cause_id(cause), command=command, code=code, frame=frame, jobs=failures.jobs,
        attempts=failures.attempts, first_at=at(failures.first_at), last_at=at(failures.last_at),
        message=failures.message, sample=failures.sample[::-1], series=series,
    )  # fmt: skip
