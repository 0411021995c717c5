"""Cancel and requeue the jobs of a search, and run one job once more as a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dbjobs.client.client import Client
from dbjobs.commands.options import is_storable, switch, words
from dbjobs.errors import InvalidOption
from dbjobs.inspect import finding
from dbjobs.inspect import search as searching
from dbjobs.models import FINAL_STATES, Job, JobState, LiveFilter
from dbjobs.store.repository.reading import LIVE_FILTERS
from dbjobs.text import printable

# A preview without its own bound counts up to here.
PREVIEW_BOUND = 100_000
# Longest reason for a cancellation: each cancelled job keeps a copy.
MAX_REASON_CHARACTERS = 2_000
# What a replayed job takes over; not ref_id (unique), batch (its counts are closed), parents and times.
_KEPT = (
    "worker", "queue", "priority", "callback", "user_id", "retry_limit", "tag", "created_by", "args",
    "meta",
)  # fmt: skip


async def cancel_many(client: Client, given: Mapping[str, Any], reason: str, at_most: int | None, preview: bool) -> int:
    """Cancel the matching live jobs; returns how many it reached, or would reach."""
    switch(preview, "cancel_many: preview")
    searching.refuse_nothing(given, "cancel_many")
    search = searching.make(given, "cancel_many", history=False)
    bound = _bound("cancel_many", at_most, preview)
    if preview:
        return await finding.count(client.db, search, bound)
    simple = {name: value for name, value in given.items() if value is not None}
    if (
        at_most is None
        and simple.keys() <= {*LIVE_FILTERS}
        and all(isinstance(value, str) and is_storable(value) for value in simple.values())
    ):
        return await client.cancel_many(reason, cast(LiveFilter, simple))
    reached = 0
    async for ids in finding.every(client.db, search):
        reached += await client.cancel(ids[: bound - reached], reason)
        if reached >= bound:
            break
    return reached


async def requeue_many(client: Client, given: Mapping[str, Any], at_most: int | None, preview: bool) -> int:
    """Requeue the matching failed or cancelled jobs; returns how many came back, or would."""
    switch(preview, "requeue_many: preview")
    if all(value is None for value in given.values()):
        raise InvalidOption(
            "requeue_many: give at least one of state, queue, worker, command, tag, batch_id, user_id, ... "
            '(to requeue everything that failed, say state="failed")'
        )
    search = searching.make(given, "requeue_many", live=False)
    if given.get("state") is not None and not search.asked.failed:
        raise InvalidOption(f"requeue_many: state={given['state']!r} must be 'failed' or 'cancelled'")
    search = searching.make({**given, "state": _endings(search)}, "requeue_many", live=False)
    bound = _bound("requeue_many", at_most, preview)
    if preview:
        return await finding.count(client.db, search, bound)
    requeued = 0
    async for ids in finding.every(client.db, search):
        requeued += await client.requeue(ids[: bound - requeued])
        if requeued >= bound:
            break
    return requeued


def _endings(search: searching.Search) -> list[JobState]:
    return [state for state in (JobState.FAILED, JobState.CANCELLED) if state in search.states]


def replay_of(job: Job, reply_to: str | None, request: Any, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The request and the options of a job that replays an ended one.

    Args:
        reply_to: the original's, unmasked; a Job has it masked.
        request: a changed request; None for the same.
        options: what should differ from the original.

    Raises:
        InvalidOption: it has not ended, or calls an endpoint.
    """
    if job.state not in FINAL_STATES:
        raise InvalidOption(f"replay: job {job.id} is {job.state}; only a job that has ended can be run once more")
    if job.request_type != "command":
        raise InvalidOption(f"replay: job {job.id} is an API job; replay runs commands, so use enqueue_api once more")
    return copy_of(job, reply_to, request, options)


def copy_of(job: Job, reply_to: str | None, request: Any, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The same for a job in any state, without checks."""
    kept = {**{name: getattr(job, name) for name in _KEPT}, "reply_to": reply_to}
    kept = {name: value for name, value in kept.items() if value not in (None, {})}
    kept = {**kept, "timeout": job.timeout_seconds, "parent_id": job.id, **options}
    meta = kept.get("meta") or {}
    if isinstance(meta, Mapping):  # otherwise `enqueue` says what is wrong with it
        kept["meta"] = {**meta, "replay_of": job.id}
    return (job.request if request is None else request), kept


def reason_of(given: Any, where: str) -> str:
    """A reason for a cancellation, in a form that every database accepts.

    Raises:
        InvalidOption: it is not a string.
    """
    return printable(words(given, f"{where}: reason"), MAX_REASON_CHARACTERS)


def _bound(where: str, at_most: int | None, preview: bool) -> int:
    if at_most is None:
        return PREVIEW_BOUND if preview else 2**63
    if isinstance(at_most, bool) or not isinstance(at_most, int) or at_most < 1:
        raise InvalidOption(f"{where}: at_most={at_most!r} must be a whole number >= 1")
    return at_most
