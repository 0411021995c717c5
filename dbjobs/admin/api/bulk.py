"""Bulk actions: a durable job cancels or requeues all jobs of a search."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call, Refused
from dbjobs.admin.operations import Done, Operations
from dbjobs.bulk_history import BOUND, BulkAction, BulkPreview, Deed
from dbjobs.commands.options import MAX_ID
from dbjobs.inspect.meaning import search_of
from dbjobs.wording import counted

OPERATIONS = Operations("bulk actions")
# In production, an action on more jobs than this asks for the environment's name.
CONFIRM_ABOVE = 100
PRODUCTION = "production"
# A page answers soon: a preview says if it did not count all, and you can ask it to count for longer.
PREVIEW_SECONDS = 0.08
LONGEST_PREVIEW_SECONDS = 10.0

LONGEST_NAME = 200
Action = Literal["cancel", "requeue"]
Text = Annotated[str, Meta(max_length=2_000)]
Id = Annotated[int, Meta(ge=1, le=MAX_ID)]


class AskPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Input of a preview.

    Attributes:
        action: ``cancel`` live jobs, or ``requeue`` failed and cancelled ones.
        q: which jobs, as in the search of the jobs page: ``state:failed queue:mail``.
        seconds: about how long it may count.
    """

    action: Action
    q: Text
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_PREVIEW_SECONDS)] = PREVIEW_SECONDS


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One of the jobs that a bulk action would reach.

    Attributes:
        id_text: its id as a string, for clients without 64-bit integers.
        state: its current state.
        error: of its last attempt.
    """

    id: int
    id_text: str
    command: str
    queue: str
    worker: str | None
    tag: str | None
    state: str
    created_at: datetime
    error: str | None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk action would reach.

    Attributes:
        action: ``cancel``, ``requeue`` or ``undo``.
        count: matching jobs, counted up to ``bound``.
        exact: False: there are more, or counting ran out of time.
        samples: the newest of them.
        before_id: jobs from this id on came after the preview; pass it to ``start``.
        before_id_text: the same as a string, for clients without 64-bit integers.
        at: when the preview was made, by the database's clock; pass it to ``start``.
        nodes: living nodes that would run it.
        confirm: what ``environment`` must be to start it; None: nothing.
    """

    action: Deed
    count: int
    exact: bool
    samples: list[Sample]
    before_id: int
    before_id_text: str
    at: datetime
    nodes: int
    confirm: str | None
    bound: int = BOUND


class AskStart(msgspec.Struct, frozen=True, kw_only=True):
    """Input that starts a bulk action.

    Attributes:
        action: ``cancel`` or ``requeue``.
        q: which jobs.
        name: its name in the history.
        rate: jobs a second at most; nothing: as fast as it can.
        before_id, at: from the preview, so that it reaches nothing that came later.
        environment: the environment's name, if the preview asks for it.
    """

    action: Action
    q: Text
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    rate: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    before_id: Id | None = None
    at: datetime | None = None
    environment: str | None = None


class AskUndoPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the preview of an undo.

    Attributes:
        id: of the bulk action to undo.
        seconds: about how long it may count.
    """

    id: Id
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_PREVIEW_SECONDS)] = PREVIEW_SECONDS


class AskUndo(msgspec.Struct, frozen=True, kw_only=True):
    """Input that undoes a bulk cancel.

    Attributes:
        id: of the bulk action.
        rate: jobs a second at most; nothing: as fast as it can.
        environment: the environment's name, if the preview asks for it.
    """

    id: Id
    rate: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    environment: str | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action was stored; any node runs it.

    Attributes:
        id: of its job.
        id_text: the same as a string, for clients without 64-bit integers.
        message: for a person.
    """

    id: int
    id_text: str
    message: str


class Bulk(BulkAction, frozen=True, kw_only=True):
    """A bulk action: waiting, running or ended.

    Attributes:
        id_text: its id as a string, for clients without 64-bit integers.
    """

    id_text: str


class BulkList(msgspec.Struct, frozen=True, kw_only=True):
    """Bulk actions, newest first.

    Attributes:
        before_id: pass it to the next call for the next page; None: this was the last.
        nodes: living nodes that run bulk actions.
    """

    actions: list[Bulk]
    before_id: int | None
    nodes: int


class AskList(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of them."""

    before_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class OneBulk(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a bulk action."""

    id: Id


@OPERATIONS.get("/bulk/preview")
async def preview_bulk(call: Call, asked: AskPreview) -> Preview:
    """Count the jobs that a bulk action would reach, and show the newest; changes nothing."""
    return _preview(call, await call.jobs.bulk.preview(asked.action, seconds=asked.seconds, **search_of(asked.q)))


def _preview(call: Call, made: BulkPreview) -> Preview:
    samples = [
        Sample(
            id=job.id, id_text=str(job.id), command=job.command, queue=job.queue, worker=job.worker, tag=job.tag,
            state=job.state, created_at=job.created_at, error=job.error,
        )
        for job in made.samples
    ]  # fmt: skip
    return Preview(
        action=made.action, count=made.count, exact=made.exact, samples=samples, before_id=made.before_id,
        before_id_text=str(made.before_id), at=made.at, nodes=made.nodes,
        confirm=_confirmation(call, made.count, made.exact),
    )  # fmt: skip


@OPERATIONS.post("/bulk/start")
async def start_bulk(call: Call, asked: AskStart) -> Started:
    """Store a bulk action. It reaches the jobs that match its search and existed at the time of the preview."""
    call.target = f"{asked.action} {asked.q}"
    if _is_production(call) and asked.environment != call.settings.environment:
        made = await call.jobs.bulk.preview(asked.action, seconds=PREVIEW_SECONDS, **search_of(asked.q, now=asked.at))
        _refuse_unnamed(_confirmation(call, made.count, made.exact))
    ref = await call.jobs.bulk.start(
        asked.action, name=asked.name, words=asked.q, rate=asked.rate, started_by=call.visitor.name,
        before_id=asked.before_id, at=asked.at, **search_of(asked.q, now=asked.at),
    )  # fmt: skip
    call.target = f"bulk action {ref.id}: {call.target}"
    return Started(id=ref.id, id_text=str(ref.id), message=f"{asked.name} is started")


@OPERATIONS.get("/bulk/undo/preview")
async def preview_undo(call: Call, asked: AskUndoPreview) -> Preview:
    """Count the jobs that would come back if a bulk cancel were undone, and show the newest; changes nothing.

    Jobs come back that were waiting when they were cancelled. Jobs that ran, waited for a retry, or depend on a
    cancelled job stay cancelled.
    """
    return _preview(call, await call.jobs.bulk.preview_undo(asked.id, seconds=asked.seconds))


@OPERATIONS.post("/bulk/undo")
async def undo_bulk(call: Call, asked: AskUndo) -> Started:
    """Bring back the waiting jobs that a bulk cancel cancelled, each as it was, as a bulk action of its own."""
    call.target = f"bulk action {asked.id}"
    if _is_production(call) and asked.environment != call.settings.environment:
        made = await call.jobs.bulk.preview_undo(asked.id, seconds=PREVIEW_SECONDS)
        _refuse_unnamed(_confirmation(call, made.count, made.exact))
    ref = await call.jobs.bulk.undo(asked.id, rate=asked.rate, started_by=call.visitor.name)
    call.target = f"bulk action {ref.id}: undo of bulk action {asked.id}"
    return Started(id=ref.id, id_text=str(ref.id), message=f"the undo of bulk action {asked.id} is started")


@OPERATIONS.post("/bulk/stop")
async def stop_bulk(call: Call, asked: OneBulk) -> Done:
    """Stop a bulk action where it is; what it has done stays done."""
    call.target = f"bulk action {asked.id}"
    name = (await call.jobs.bulk.get(asked.id)).name
    if await call.jobs.bulk.stop(asked.id):
        return Done(message=f"{name} is stopped")
    return Done(message=f"{name} had ended before", count=0)


@OPERATIONS.get("/bulk")
async def list_bulk(call: Call, asked: AskList) -> BulkList:
    """Bulk actions that wait, run, or are still in the history."""
    found = await call.jobs.bulk.list(before_id=asked.before_id, limit=asked.limit)
    return BulkList(
        actions=[Bulk(**msgspec.structs.asdict(one), id_text=str(one.id)) for one in found],
        before_id=found[-1].id if len(found) == asked.limit else None,
        nodes=await call.jobs.bulk.nodes(),
    )


def _is_production(call: Call) -> bool:
    return (call.settings.environment or "").strip().lower() == PRODUCTION


def _confirmation(call: Call, count: int, exact: bool) -> str | None:
    """What the visitor must type before an action on this many jobs."""
    return call.settings.environment if _is_production(call) and (count > CONFIRM_ABOVE or not exact) else None


def _refuse_unnamed(wanted: str | None) -> None:
    if wanted is not None:
        many = counted(CONFIRM_ABOVE, "job")
        raise Refused(f"this reaches more than {many} in {wanted}: give its name as environment")
