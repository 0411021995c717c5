"""What is kept of transient runs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dbjobs.models.states import JobState


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that the handler of a transient run logged."""

    at: datetime
    level: str
    message: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A transient run that has ended, as this process remembers it.

    Attributes:
        id: its number in this process.
        worker: the lane it ran in, if any.
        state: completed, failed or cancelled.
        submitted_at, started_at, ended_at: in UTC by this process's clock; it may have ended before it started.
        duration_ms: how long its handler ran.
        request: its JSON; None if there was none, or it was longer than 10,000 characters.
        error_code: the class of the error, or a word of ours: ``timeout``, ``cancelled``.
    """

    id: int
    command: str
    worker: str | None
    tag: str | None
    user_id: str | None
    state: JobState
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime
    duration_ms: float | None
    request: str | None
    error_code: str | None
    error: str | None
    traceback: str | None


class RunTimings(msgspec.Struct, frozen=True, kw_only=True):
    """How long the transient runs of one command took, since the process began.

    Attributes:
        count: runs that have started and ended, however they ended.
        failed: those that failed.
        cancelled: those that were cancelled.
        total_ms, min_ms, max_ms, mean_ms: of all of them.
        median_ms: of the latest 1,000.
        last_error: text of the latest failure.
    """

    command: str
    count: int
    failed: int
    cancelled: int
    total_ms: float
    min_ms: float
    max_ms: float
    mean_ms: float
    median_ms: float
    last_error: str | None
