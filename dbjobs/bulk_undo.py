"""Undoing a bulk cancel: which of its jobs can come back as they waited.

Each job that a bulk action cancels says so at the end of its error (``mark_of``). What had begun does not come back: a
job that was running when it was asked to stop has no such mark, and one that was waiting for another try is told by its
attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from dbjobs.client.client import Client
from dbjobs.errors import InvalidOption
from dbjobs.inspect import frozen
from dbjobs.inspect.conditions import Where
from dbjobs.models import Job, JobState


def mark_of(id: int) -> str:
    """What stands at the end of the error of each job that a bulk action has cancelled."""
    return f"(bulk action {id})"


def conditions_of(job: Job[Any], at: datetime, where: str) -> tuple[frozen.FrozenCondition, ...]:
    """What the jobs fit that come back.

    Args:
        job: of the bulk action.
        at: when the undo begins; what is cancelled later stays so.

    Raises:
        InvalidOption: it cannot be undone.
    """
    action = msgspec.to_builtins(job.request).get("action")
    if action != "cancel":
        raise InvalidOption(f"{where}: bulk action {job.id} is not a cancel ({action}); only a cancel can be undone")
    if not job.finished:
        raise InvalidOption(f"{where}: bulk action {job.id} is still at work; stop it, or wait for its end")
    found = {
        "state": JobState.CANCELLED,
        "error_code": "cancelled",
        "error": Where.contains(mark_of(job.id)),
        "attempt": 0,
        "completed_at": Where.at_most(at),
    }
    return frozen.freeze(found, at, where)


async def restorable(client: Client, ids: Sequence[int], undoes: int) -> list[int]:
    """Those that waited when the bulk action cancelled them, and would wait for nothing else if they came back.

    A job whose parent is cancelled too is left out: it would run without what it waited for.
    """
    jobs = (await client.get_many(ids)).values()
    mine = [job for job in jobs if job.state is JobState.CANCELLED and (job.error or "").endswith(mark_of(undoes))]
    parents = await client.get_many(sorted({parent for job in mine for parent in job.depends_on}))
    gone = {id for id, parent in parents.items() if parent.state is JobState.CANCELLED}
    return [job.id for job in mine if job.attempt == 0 and not gone.intersection(job.depends_on)]
