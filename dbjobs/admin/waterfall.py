"""The times of a job on one axis: what it waited for, its attempts, and the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from dbjobs.admin.api.job_looking import JobView, Line
from dbjobs.models import JobState

Kind = Literal["scheduled", "wait", "lane", "attempt", "failed", "backoff", "callback"]
WIDTH, ROW = 640, 22
# Least width of a bar: one that took no time must still be visible.
_NARROWEST = 2.0
# Most bars drawn; those in the middle are left out.
MOST_BARS = 40


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of a job's life.

    Attributes:
        sure: both ends are known. The start of an attempt that was retried is not, except from its first log line.
        x, width: where it is drawn.
    """

    kind: Kind
    label: str
    starts: datetime
    ends: datetime
    sure: bool = True
    x: float = 0.0
    width: float = 0.0

    @property
    def milliseconds(self) -> float:
        """How long it is."""
        return (self.ends - self.starts).total_seconds() * 1000


def bars(job: JobView, lines: Sequence[Line], now: datetime | None = None) -> list[Bar]:
    """The bars of a job in time order, from its creation to its end, or to now."""
    now = now or datetime.now(UTC)
    end = job.completed_at or now
    found = [bar for bar in _bars(job, lines, end) if bar.ends >= bar.starts]
    if len(found) > MOST_BARS:
        found = [*found[: MOST_BARS // 2], *found[-MOST_BARS // 2 :]]
    first = job.created_at
    whole = max((max([end, *(bar.ends for bar in found)]) - first).total_seconds(), 0.001)
    drawn = []
    for bar in found:
        x = max((bar.starts - first).total_seconds() / whole * WIDTH, 0.0)
        width = max((bar.ends - bar.starts).total_seconds() / whole * WIDTH, _NARROWEST)
        drawn.append(msgspec.structs.replace(bar, x=round(min(x, WIDTH - _NARROWEST), 1), width=round(width, 1)))
    return drawn


def _bars(job: JobView, lines: Sequence[Line], end: datetime) -> list[Bar]:
    found: list[Bar] = []
    at = job.created_at
    spoken: dict[int, datetime] = {}
    for line in lines:
        spoken.setdefault(line.attempt, line.at)
    failures = [error for error in job.errors if error.at is not None and error.code != "retry_after"]
    never_ran = job.attempt == 0
    if job.run_after is not None and not failures and job.run_after > at:
        due = min(job.run_after, end) if job.started_at is None else min(job.run_after, job.started_at)
        found.append(Bar(kind="scheduled", label="not due", starts=at, ends=due))
        at = due
    for position, error in enumerate(failures):
        assert error.at is not None
        last = position == len(failures) - 1
        running = job.attempt == error.attempt and job.started_at is not None and job.started_at <= error.at
        start = job.started_at if running and last else spoken.get(error.attempt)
        sure = running and last
        if start is None or start < at or start > error.at:
            start, sure = at, False
        elif start > at:
            found.append(_waiting(job, at, start, position))
        found.append(
            Bar(kind="failed", label=f"attempt {error.attempt}: {error.code}", starts=start, ends=error.at, sure=sure)
        )
        at = error.at
    if never_ran or job.state in (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED):
        if not (failures and job.completed_at):
            found.append(_waiting(job, at, end, len(failures)))
        return found
    if job.started_at is not None and (not failures or job.started_at > at - timedelta(milliseconds=1)):
        if job.started_at > at:
            found.append(_waiting(job, at, job.started_at, len(failures)))
        body = end if job.duration_ms is None else job.started_at + timedelta(milliseconds=job.duration_ms)
        found.append(
            Bar(
                kind="attempt",
                label=f"attempt {job.attempt}",
                starts=job.started_at,
                ends=max(min(body, end), job.started_at),
            )
        )
        if job.callback is not None and body < end:
            found.append(Bar(kind="callback", label=f"callback {job.callback}", starts=body, ends=end))
    return found


def _waiting(job: JobView, start: datetime, end: datetime, failures: int) -> Bar:
    if failures:
        return Bar(kind="backoff", label="back-off", starts=start, ends=end)
    if job.state is JobState.WAITING:
        return Bar(kind="wait", label="wait for its parents", starts=start, ends=end)
    if job.worker is not None:
        return Bar(kind="lane", label=f"wait for lane {job.worker}", starts=start, ends=end)
    return Bar(kind="wait", label="wait", starts=start, ends=end)
