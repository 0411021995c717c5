"""Jobs as lists show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from dbjobs.admin.call import Call, shown
from dbjobs.inspect.finding import Found
from dbjobs.models import Job, JobState, JobSummary

Kind = Literal["command", "api"]
_ROUTE = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /")
# How many letters of a request a list shows.
SHORTEST_REQUEST = 300


class JobDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a job only on request: it needs the whole job.

    Attributes:
        request: the beginning of the request as JSON, as far as the visitor may see it.
        depends_on: ids of its parents in a graph.
    """

    request: str
    parent_id: int | None
    depends_on: list[int]
    callback: str | None
    created_by: str | None
    reply_to: str | None
    retry_limit: int
    timeout_seconds: float


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job in a list.

    Attributes:
        id_text: its id as a string: numbers above 2**53 are not safe in JavaScript.
        kind: a command of the application, or a call of its API.
        duration_ms: how long it ran; if it still runs, so far.
        progress: from 0 to 1, as it reported.
        estimate: for a running job that reports none: its run time so far, relative to what its command usually takes.
        details: None unless asked for.
    """

    id: int
    id_text: str
    kind: Kind
    ref_id: str | None
    queue: str
    worker: str | None
    command: str
    state: JobState
    priority: int
    tag: str | None
    batch_id: str | None
    user_id: str | None
    attempt: int
    created_at: datetime
    run_after: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: float | None
    progress: float | None
    estimate: float | None
    status: str | None
    error_code: str | None
    error: str | None
    details: JobDetails | None = None


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of jobs.

    Attributes:
        before_id: pass it to the next call to go on; None: there is nothing further back.
        before_id_text: the same as a string.
        reached_at: when the next job, the first not yet looked at, was created.
        sorted_jobs: the order covers this many of the newest matching jobs; None: all of them.
        offset: where the next page of a sorted list begins; None: there is none.
    """

    jobs: list[JobRow]
    before_id: int | None
    before_id_text: str | None
    reached_at: datetime | None
    sorted_jobs: int | None = None
    offset: int | None = None


def kind_of(command: str, request_type: str | None = None) -> Kind:
    """Whether it is a command, or a call of the application's API."""
    return "api" if request_type == "api" or _ROUTE.match(command) else "command"


def elapsed_ms(job: JobSummary | Job, now: datetime | None = None) -> float | None:
    """How long it ran, or has been running."""
    if job.state in (JobState.STARTED, JobState.EXECUTED) and job.started_at is not None:
        return max(((now or datetime.now(UTC)) - job.started_at).total_seconds() * 1000, 0.0)
    return job.duration_ms


def row_of(job: JobSummary, details: JobDetails | None = None, estimate: float | None = None) -> JobRow:
    """A line of a list."""
    values: dict[str, Any] = {name: getattr(job, name) for name in JobSummary.__struct_fields__}
    values["duration_ms"] = elapsed_ms(job)
    return JobRow(id_text=str(job.id), kind=kind_of(job.command), details=details, estimate=estimate, **values)


def page_of(found: Found, rows: list[JobRow]) -> JobPage:
    """The page for what a look found."""
    before = None if found.before_id is None else str(found.before_id)
    return JobPage(jobs=rows, before_id=found.before_id, before_id_text=before, reached_at=found.reached_at)


async def rows_of(call: Call, jobs: Sequence[JobSummary], *, details: bool) -> list[JobRow]:
    """Lines of a list. With ``details``, which need the whole jobs, it takes one more statement."""
    estimates = await call.jobs.estimates(jobs)
    whole = await call.jobs._client.get_many(job.id for job in jobs) if details and jobs else {}
    known = {id: details_of(call, job) for id, job in whole.items()}
    return [row_of(job, known.get(job.id), estimates.get(job.id)) for job in jobs]


def details_of(call: Call, job: Job) -> JobDetails:
    """The details, as far as the visitor may see them."""
    text = msgspec.json.encode(shown(call, "request", job.request), enc_hook=str).decode()
    return JobDetails(
        request=text if len(text) <= SHORTEST_REQUEST else text[: SHORTEST_REQUEST - 1] + "…",
        parent_id=job.parent_id,
        depends_on=list(job.depends_on),
        callback=job.callback,
        created_by=job.created_by,
        reply_to=job.reply_to,
        retry_limit=job.retry_limit,
        timeout_seconds=job.timeout_seconds,
    )
