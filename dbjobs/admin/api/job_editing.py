"""Edit a job and run it again: first a preview, then the change."""

from __future__ import annotations

import difflib
import json
from datetime import UTC, datetime
from typing import Any, Literal, cast

import msgspec

from dbjobs.admin.api.job_acting import declare
from dbjobs.admin.api.job_family import family_of
from dbjobs.admin.api.job_looking import OneJob, find_job
from dbjobs.admin.call import Call, Refused, shown
from dbjobs.admin.operations import Operations
from dbjobs.client.replacing import replace
from dbjobs.errors import InvalidOption, InvalidRequest
from dbjobs.inspect import acting
from dbjobs.models import Job, JobOptions, JobRef, JobState
from dbjobs.store import repository
from dbjobs.store.transactions.delivering import is_delivery

OPERATIONS = Operations("jobs")
# Longest request in a form, as JSON.
LONGEST_REQUEST = 500_000
_NOT_STARTED = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED)
_CHANGEABLE = ("queue", "worker", "priority", "tag", "user_id", "retry_limit", "timeout", "run_after")


class Editing(msgspec.Struct, frozen=True, kw_only=True):
    """A job, and what to change about it; what is left out stays as it is.

    Attributes:
        request: the whole new request, as JSON.
        timeout: seconds of one attempt; 0 for no limit.
        run_after: earliest start; UTC if it names no zone.
    """

    id: int
    request: str | None = None
    queue: str | None = None
    worker: str | None = None
    priority: int | None = None
    tag: str | None = None
    user_id: str | None = None
    retry_limit: int | None = None
    timeout: float | None = None
    run_after: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A changed option, as texts."""

    name: str
    before: str
    after: str


class DiffLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the diff of the request."""

    kind: Literal["same", "added", "removed", "skipped"]
    text: str


class EditPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit would do; nothing is done yet.

    Attributes:
        cancels: the job has not started, so it is cancelled and the new one takes its place. Otherwise it stays.
        lost: what the new job does not take over.
        request: the diff of the requests, line by line; empty: they are the same.
    """

    id: int
    id_text: str
    cancels: bool
    lost: list[str]
    changes: list[Change]
    request: list[DiffLine]


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """The new job.

    Attributes:
        replaces: the one that was edited. It is kept.
    """

    message: str
    id: int
    id_text: str
    replaces: int


async def _checked(call: Call, asked: Editing) -> tuple[Job, Any, JobOptions]:
    """The job, its new request, and its new options.

    Raises:
        InvalidOption, InvalidRequest: it cannot be edited, or not this way.
    """
    job = await find_job(call, OneJob(id=asked.id))
    await refuse(call, job)
    request = job.request
    if asked.request is not None and asked.request.strip():
        if len(asked.request) > LONGEST_REQUEST:
            raise InvalidRequest(f"a request that is edited here has at most {LONGEST_REQUEST:,} letters")
        if shown(call, "request", job.request) != job.request and not call.visitor.may("reveal"):
            raise Refused("parts of this request are hidden from you: it can only be edited with the verb reveal")
        try:
            request = msgspec.json.decode(asked.request)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidRequest(f"the request is not JSON: {error}") from None
    options: dict[str, Any] = {
        name: getattr(asked, name)
        for name in _CHANGEABLE
        if getattr(asked, name) is not None and getattr(asked, name) != _value(job, name)
    }
    if "run_after" in options:
        options["run_after"] = _moment(options["run_after"])
    declare(call, job)
    call.jobs._row(job.command, request, options)  # raises what enqueue would raise, before anything changes
    return job, request, cast(JobOptions, options)


def _value(job: Job, name: str) -> Any:
    return job.timeout_seconds if name == "timeout" else getattr(job, name)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidOption(f"run_after={text!r} is not a time, such as 2026-12-01T08:00 (UTC)") from None


async def refuse(call: Call, job: Job) -> None:
    """Say why a job cannot be edited.

    Raises:
        InvalidOption.
    """
    if job.state in (JobState.STARTED, JobState.EXECUTED):
        raise InvalidOption(f"job {job.id} is running: cancel it first, then edit it")
    if job.request_type != "command":
        raise InvalidOption(f"job {job.id} calls the application's API: requeue it, or call enqueue_api once more")


@OPERATIONS.post("/job/edit/preview", audited=False)
async def preview_edit(call: Call, asked: Editing) -> EditPreview:
    """Preview what an edit would change. Nothing is done yet."""
    job, request, options = await _checked(call, asked)
    lost = []
    if job.ref_id is not None:
        lost.append(f"its ref_id {job.ref_id}, which stays with the job that is kept")
    if job.batch_id is not None:
        lost.append(f"its batch {job.batch_id}, whose counts it is part of")
    if job.finished:
        lost.append("its retry rule, its on_failure and its expiry, for which its command's are taken")
    preview = EditPreview(
        id=job.id,
        id_text=str(job.id),
        cancels=not job.finished,
        lost=lost,
        changes=[
            Change(name=name, before=_text(_value(job, name)), after=_text(value)) for name, value in options.items()
        ],
        request=difference(shown(call, "request", job.request), shown(call, "request", request)),
    )
    if call.request.url.path.endswith("/act/preview_edit"):
        title = f"Edit job {job.id}"
        return await call.render("job_edit_preview.html", title=title, preview=preview, asked=asked, old=job)  # type: ignore[return-value]
    return preview


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "none" if value is None else str(value)


def difference(before: Any, after: Any) -> list[DiffLine]:
    """The lines that differ, with some context."""
    if before == after:
        return []
    old, new = (json.dumps(value, indent=2, ensure_ascii=False, default=str).splitlines() for value in (before, after))
    lines: list[DiffLine] = []
    for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]:
        match line[:1]:
            case "+":
                lines.append(DiffLine(kind="added", text=line[1:]))
            case "-":
                lines.append(DiffLine(kind="removed", text=line[1:]))
            case "@":
                if lines:
                    lines.append(DiffLine(kind="skipped", text="..."))
            case _:
                lines.append(DiffLine(kind="same", text=line[1:]))
    return lines


@OPERATIONS.post("/job/edit")
async def edit_job(call: Call, asked: Editing) -> Edited:
    """Run a job with a changed request or other options, as a new job; the old one is kept.

    An ended job stays as it is. A job that has not started is cancelled in the transaction that stores the new one;
    if it has started meanwhile, nothing happens. Cancelling would take jobs that wait for it along, so the edit is
    refused if there are any. The delivery of its reply_to does not count: the new job gets its own, and the old one
    notifies nobody.
    """
    call.target = f"job {asked.id}"
    job, request, options = await _checked(call, asked)
    ref = await (
        call.jobs.replay(job.id, request, **options) if job.finished else _replace(call, job, request, options)
    )
    message = f"job {ref.id} takes the place of job {job.id}, which is kept"
    return Edited(message=message, id=ref.id, id_text=str(ref.id), replaces=job.id)


async def _replace(call: Call, job: Job, request: Any, options: JobOptions) -> JobRef:
    """Cancel a job that has not started, and store the one that takes its place.

    Raises:
        InvalidOption: it has started, or others wait for it.
    """
    family = await family_of(call, job)
    below = [one for one in family.graph if one.step > 0]
    deliveries = [one.id for one in below if one.step == 1 and one.state in _NOT_STARTED and is_delivery(one.command)]
    waiting = [one for one in below if one.state is JobState.WAITING and one.id not in deliveries]
    if waiting:
        raise InvalidOption(
            f"job {waiting[0].id} waits for job {job.id}, and would be cancelled with it: cancel and enqueue both anew"
        )
    if job.state is JobState.WAITING:
        options.setdefault("depends_on", job.depends_on)
    if job.state is JobState.SCHEDULED and job.run_after is not None:
        options.setdefault("run_after", job.run_after)
    client = call.jobs._client
    asked, kept = acting.copy_of(job, await client.get_reply_to(job.id), request, options)
    row, parents = call.jobs._row(job.command, asked, kept)
    rules = await repository.get_rules(client.db, job.id)
    ref = None
    if rules is not None:
        row = msgspec.structs.replace(row, **msgspec.structs.asdict(rules), expires_seconds=await _lifetime(call, job))
        ref = await replace(client, job.id, deliveries, row, parents, "replaced by an edited job")
    if ref is None:
        raise InvalidOption(f"job {job.id} has started meanwhile: nothing was changed; cancel it first, then edit it")
    return ref


async def _lifetime(call: Call, job: Job) -> float | None:
    """The seconds until a job expires, so that its replacement expires at the same moment."""
    if job.expires_at is None:
        return None
    return max((job.expires_at - await repository.database_time(call.db)).total_seconds(), 0.001)
