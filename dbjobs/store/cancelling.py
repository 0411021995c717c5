"""Cancellation as transactions: jobs that have not started, their descendants, and running ones."""

from __future__ import annotations

from collections.abc import Sequence

from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.database import Session
from dbjobs.store.records import Ready

Ended = tuple[int, JobState, str | None, bool]  # id, final state, batch_id, has_dependents


async def cancel_in(session: Session, ids: Sequence[int], code: str, reason: str) -> tuple[set[int], list[Ready]]:
    """Cancel jobs that have not started, with their descendants, inside a transaction.

    Returns:
        The ids cancelled (descendants included), and jobs that became ready because they take any end.
    """
    ended = await repository.cancel_jobs(session, sorted(ids), code, reason)
    cancelled, ready = await settle_ended(session, ended)
    return {job[0] for job in ended} | cancelled, ready


async def settle_ended(session: Session, ended: Sequence[Ended]) -> tuple[set[int], list[Ready]]:
    """Draw the consequences of jobs that have just ended: release or cancel children, count batches.

    Returns:
        Descendants that were cancelled, and jobs that became ready.
    """
    cancelled: set[int] = set()
    ready: list[Ready] = []
    counts: dict[str, list[int]] = {}
    while ended:
        for _, state, batch_id, _ in ended:
            if batch_id is not None:
                count = counts.setdefault(batch_id, [0, 0, 0])
                count[_COUNTED.index(state)] += 1
        parents = [(id, str(state)) for id, state, _, has_dependents in ended if has_dependents]
        if not parents:
            break
        released, doomed = await repository.release_children(session, parents)
        ready += released
        ended = []
        for parent in sorted(set(doomed.values())):
            children = sorted(child for child, failed in doomed.items() if failed == parent)
            ended += await repository.cancel_jobs(
                session, children, "parent", f"job {parent}, which it depends on, did not complete"
            )
        cancelled.update(job[0] for job in ended)
    if counts:
        await repository.count_batches(session, {batch: (c[0], c[1], c[2]) for batch, c in counts.items()})
    return cancelled, ready


_COUNTED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
