"""One job: all its data, its progress, and why it does not run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from dbjobs.admin.api.job_rows import Kind, elapsed_ms, kind_of
from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.operations import Operations
from dbjobs.commands.options import MAX_ID
from dbjobs.errors import InvalidOption
from dbjobs.inspect.reasons import Explanation
from dbjobs.models import Job, JobState

OPERATIONS = Operations("jobs")
# Log lines that one call returns.
MOST_LINES = 500


class OneJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job, by its id or by its ref_id."""

    id: int | None = None
    ref_id: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A failed attempt.

    Attributes:
        at: when it failed.
        code: class of the error, or a word of ours: timeout, cancelled, node_lost, retry_after.
        status, body, fields: the answer that an API job got: the HTTP status, the beginning of the body, and what it
            says about single fields of the request.
    """

    attempt: int
    at: datetime | None
    node_id: int | None
    code: str
    message: str
    traceback: str | None
    status: int | None
    body: str | None
    fields: dict[str, str]


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job, as far as the visitor may see it.

    Attributes:
        id_text: its id as a string: numbers above 2**53 are not safe in JavaScript.
        kind: a command of the application, or a call of its API.
        hidden: some values of request, response, args or meta are hidden from this visitor.
        elapsed_ms: how long it ran; if it still runs, so far.
        notified_at: when its callback succeeded.
        errors: its failed attempts, oldest first.
    """

    id: int
    id_text: str
    kind: Kind
    ref_id: str | None
    parent_id: int | None
    worker: str | None
    queue: str
    priority: int
    tag: str | None
    batch_id: str | None
    callback: str | None
    depends_on: list[int]
    run_after: datetime | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str | None
    user_id: str | None
    command: str
    request_name: str | None
    request: Any
    response: Any
    state: JobState
    started_at: datetime | None
    completed_at: datetime | None
    notified_at: datetime | None
    retry_limit: int
    attempt: int
    duration_ms: float | None
    elapsed_ms: float | None
    timeout_seconds: float
    progress: float | None
    status: str | None
    reply_to: str | None
    error_code: str | None
    error: str | None
    errors: list[Attempt]
    args: Any
    meta: Any
    cancel_requested_at: datetime | None
    node_id: int | None
    hidden: bool


class LogsAfter(msgspec.Struct, frozen=True, kw_only=True):
    """A job, and the log lines that the caller has already.

    Attributes:
        after_id: id of the last of them; 0: none.
        limit: lines, 1 to 500.
    """

    id: int
    after_id: int = 0
    limit: int = MOST_LINES


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a job's log."""

    id: int
    id_text: str
    attempt: int
    at: datetime
    level: str
    message: str


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is.

    Attributes:
        progress: from 0 to 1, as it reported; None: it did not.
        estimate: for a running job that reports none: its run time so far, relative to what its command usually takes.
        elapsed_ms: how long it ran; if it still runs, so far.
        logs: the lines after ``after_id``.
        last_id: pass it to the next call.
        more: there are more lines already.
        finished: nothing will change any more.
    """

    id: int
    id_text: str
    state: JobState
    attempt: int
    progress: float | None
    estimate: float | None
    status: str | None
    elapsed_ms: float | None
    error_code: str | None
    error: str | None
    logs: list[Line]
    last_id: int
    last_id_text: str
    more: bool
    finished: bool


async def find_job(call: Call, asked: OneJob) -> Job:
    """The job.

    Raises:
        NotFound: there is none. InvalidOption: none is named.
    """
    if asked.id is None and asked.ref_id is None:
        raise InvalidOption("name a job by its id or its ref_id")
    if asked.id is not None:
        job = await call.jobs.get(asked.id) if abs(asked.id) <= MAX_ID else None
    else:
        job = await call.jobs.get_by_ref_id(str(asked.ref_id))
    if job is None:
        raise NotFound(f"there is no job {asked.id if asked.id is not None else asked.ref_id!r}")
    return job


@OPERATIONS.get("/job")
async def get_job(call: Call, asked: OneJob) -> JobView:
    """Everything about a job, live or in history."""
    return view_of(call, await find_job(call, asked))


def view_of(call: Call, job: Job, *, revealed: bool = False) -> JobView:
    """A job as the visitor may see it.

    Args:
        revealed: nothing is hidden.
    """
    values: dict[str, Any] = {
        name: getattr(job, name)
        for name in JobView.__struct_fields__
        if name not in ("id_text", "kind", "depends_on", "errors", "hidden", "elapsed_ms")
    }
    hidden = False
    for name in ("request", "response", "args", "meta"):
        plain = msgspec.to_builtins(values[name], enc_hook=str, str_keys=True)
        kept = plain if revealed else shown(call, name, plain)
        hidden = hidden or kept != plain
        values[name] = kept
    return JobView(
        id_text=str(job.id),
        kind=kind_of(job.command, job.request_type),
        depends_on=list(job.depends_on),
        elapsed_ms=elapsed_ms(job),
        hidden=hidden,
        errors=[
            Attempt(
                attempt=error.attempt, at=error.at, node_id=error.node_id, code=error.code, message=error.message,
                traceback=error.traceback, status=error.status, body=error.body, fields=error.fields,
            )
            for error in job.errors
        ],
        **values,
    )  # fmt: skip


@OPERATIONS.get("/job/progress")
async def get_job_progress(call: Call, asked: LogsAfter) -> JobProgress:
    """How far a job is, and its new log lines."""
    if not 1 <= asked.limit <= MOST_LINES or not 0 <= asked.after_id <= MAX_ID:
        raise InvalidOption(f"limit={asked.limit} must be between 1 and {MOST_LINES}, and after_id an id")
    job = await find_job(call, OneJob(id=asked.id))
    return await progress_of(call, job, asked.after_id, asked.limit)


async def progress_of(call: Call, job: Job, after_id: int = 0, limit: int = MOST_LINES) -> JobProgress:
    """The same for a job already read."""
    lines = await call.jobs.logs(job.id, after_id=after_id, limit=limit + 1)
    last = lines[:limit][-1].id if lines else after_id
    return JobProgress(
        id=job.id,
        id_text=str(job.id),
        state=job.state,
        attempt=job.attempt,
        progress=job.progress,
        estimate=(await call.jobs.estimates([job])).get(job.id),
        status=job.status,
        elapsed_ms=elapsed_ms(job),
        error_code=job.error_code,
        error=job.error,
        logs=[
            Line(
                id=line.id, id_text=str(line.id), attempt=line.attempt, at=line.at, level=line.level,
                message=line.message,
            )
            for line in lines[:limit]
        ],
        last_id=last,
        last_id_text=str(last),
        more=len(lines) > limit,
        finished=job.finished and len(lines) <= limit,
    )  # fmt: skip


@OPERATIONS.get("/job/explain")
async def explain_job(call: Call, asked: OneJob) -> Explanation:
    """Why a job does not run, or what it does or did; the reason that must change first comes first."""
    job = await find_job(call, asked)
    return await call.jobs.explain(job.id)
