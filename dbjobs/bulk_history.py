"""Bulk actions as they are told: previews and the history."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from dbjobs.bulk_run import BulkRequest
from dbjobs.models import Job, JobState, JobSummary

# What the history knows: an undo is started by the number of what it undoes, not by a search.
Deed = Literal["cancel", "requeue", "undo"]
# A preview counts up to here.
BOUND = 10_000


class BulkPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk action would reach.

    Attributes:
        action: what would be done: cancel, requeue or undo.
        count: jobs that fit, counted up to ``bound``.
        exact: False: there are more than that, or the time for counting was over.
        samples: the newest of them.
        before_id: jobs with this id or a later one came after the preview; hand it to ``start``.
        at: when the preview was made, by the database's clock; hand it to ``start``.
        nodes: living nodes that would run it.
    """

    action: Deed
    count: int
    exact: bool
    samples: tuple[JobSummary, ...]
    before_id: int
    at: datetime
    nodes: int
    bound: int = BOUND


class BulkAction(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action, waiting, at work or ended.

    Attributes:
        id: of its job.
        name: what it was called.
        action: what it does: cancel, requeue or undo.
        search: which jobs, in words.
        rate: jobs a second at most; None: as fast as it goes.
        started_by: who asked for it.
        undoes: the bulk action whose jobs it brings back; None: it is not an undo.
        expected: how many jobs the preview counted.
        exact: the preview had counted all of them.
        state: of its job.
        progress: from 0 to 1.
        status: how far it is, in words.
        reached: jobs that it has cancelled or requeued; None until it has ended by itself.
        looked_at: jobs that fitted its search; None until then.
        created_at, started_at, completed_at: of its job.
        error: why it failed or was stopped.
    """

    id: int
    name: str
    action: Deed
    search: str
    rate: float | None
    started_by: str | None
    undoes: int | None
    expected: int
    exact: bool
    state: JobState
    progress: float | None
    status: str | None
    reached: int | None
    looked_at: int | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None


def request_of(job: Job[Any]) -> BulkRequest:
    """What the job of a bulk action holds."""
    return msgspec.convert(msgspec.to_builtins(job.request), BulkRequest)


def action_of(job: Job[Any]) -> BulkAction:
    """The bulk action of a job."""
    request = request_of(job)
    told: dict[str, Any] = cast(dict[str, Any], msgspec.to_builtins(job.response)) or {}
    return BulkAction(
        id=job.id, name=request.name, action=request.action, search=request.search, rate=request.rate,
        started_by=job.created_by, undoes=request.undoes or None, expected=request.expected, exact=request.exact,
        state=job.state, progress=job.progress, status=job.status, reached=told.get("reached"),
        looked_at=told.get("looked_at"), created_at=job.created_at, started_at=job.started_at,
        completed_at=job.completed_at, error=job.error if job.state in (JobState.FAILED, JobState.CANCELLED) else None,
    )  # fmt: skip
