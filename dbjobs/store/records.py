"""Rows on their way to and from the database. Internal: the public data is in ``models``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class NewJob(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row for ``insert_jobs``; the fields are its columns, in this order.

    ``delay_seconds`` counts from the database's clock; ``run_after`` is a moment; JSON columns are text.
    Fields that have their default here are not sent: see Table.as_json.
    """

    ref_id: str | None = None
    parent_id: int | None = None
    worker: str | None = None
    queue: str = ""
    priority: int = 0
    tag: str | None = None
    batch_id: str | None = None
    callback: str | None = None
    depends_on: str | None = None
    depends_on_policy: str = "completed"
    pending: int = 0
    delay_seconds: float | None = None
    run_after: datetime | None = None
    expires_seconds: float | None = None
    created_by: str | None = None
    user_id: str | None = None
    request_type: str = "command"
    command: str = ""
    request: str | None = None
    request_body: str | None = None
    retry_limit: int = 0
    retry: str | None = None
    on_failure: str = "block"
    timeout_seconds: float = 0.0
    reply_to: str | None = None
    args: str | None = None
    meta: str | None = None
    trace_context: str | None = None


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """One row of ``claim_jobs`` or ``claim_lanes``; the fields are its columns, in this order."""

    id: int
    attempt: int
    attempt_base: int
    queue: str
    worker: str | None
    priority: int
    command: str
    request_type: str
    request_body: str | None
    response_body: str | None
    executed_at: datetime | None
    callback: str | None
    retry_limit: int
    retry: str | None
    on_failure: str
    timeout_seconds: float
    created_at: datetime
    ref_id: str | None
    parent_id: int | None
    batch_id: str | None
    tag: str | None
    user_id: str | None
    created_by: str | None
    reply_to: str | None
    args: str | None
    meta: str | None
    trace_context: str | None
    depends_on: str | None
    has_dependents: bool

    @property
    def tries(self) -> int:
        """How many tries this attempt makes, itself included (fresh after a requeue or an executed body)."""
        return self.attempt - self.attempt_base


# The error_code of a job whose body has succeeded, and whose callback has given up.
CALLBACK_FAILED = "callback_failed"

OutcomeKind = Literal["completed", "failed", "cancelled", "retry", "hand_back", "executed"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one attempt: all that ``settle`` needs to write it.

    Attributes:
        failure: JSON of one entry of the job's error list.
        release_worker: this is the last outcome of a run: give the lane back with it.
        block_worker: a retry keeps its lane (``on_failure="block"``).
    """

    id: int
    attempt: int
    kind: OutcomeKind
    response: str | None = None
    response_body: str | None = None
    duration_ms: float | None = None
    delay_seconds: float = 0.0
    error_code: str | None = None
    error: str | None = None
    failure: str | None = None
    progress: float | None = None
    status: str | None = None
    release_worker: bool = False
    block_worker: bool = False


class Moved(msgspec.Struct, frozen=True):
    """Jobs that were moved to history.

    Attributes:
        ids: of all of them.
        parents: of those that have children.
    """

    ids: list[int]
    parents: list[int]


class DeadRows(msgspec.Struct, frozen=True, gc=False):
    """Whether dead rows can be removed.

    Attributes:
        allowed: this role may vacuum the live tables.
        place: the number of the next transaction.
        held_back: how many transactions before it still keep dead rows, because a snapshot may need them.
    """

    allowed: bool
    place: int
    held_back: int


class Ready(msgspec.Struct, frozen=True, gc=False):
    """A job that may run now: what a wake-up needs to know of it.

    Attributes:
        queue: its queue; empty for any.
        lane: it belongs to a named worker.
        behind: it is not new (due, released, requeued), so a claim that starts behind the last job
            claimed would miss it.
    """

    queue: str
    priority: int
    lane: bool
    behind: bool = False


class Held(msgspec.Struct, frozen=True, gc=False):
    """A job in the hands of a dead node; ``executed`` if only its callback is left."""

    id: int
    attempt: int
    attempt_base: int
    retry_limit: int
    worker: str | None
    cancel_requested: bool
    command: str
    queue: str
    executed: bool


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One log line on its way to the database; ``at`` is ``time.monotonic()``."""

    job_id: int
    attempt: int
    at: float
    level: str
    message: str


class ProgressReport(msgspec.Struct, frozen=True, gc=False):
    """The latest progress of an attempt."""

    id: int
    attempt: int
    progress: float | None
    status: str | None


class OldestQueued(msgspec.Struct, frozen=True, gc=False):
    """The job that has waited longest although it may run."""

    id: int
    queue: str
    worker: str | None
    command: str
    age_seconds: float


class Risk(msgspec.Struct, frozen=True, gc=False):
    """A setting of the server with which it may lose what it has committed."""

    setting: str
    value: str
    wanted: str
