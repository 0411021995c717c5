"""Takes over the jobs and lanes of a dead node, in steps; any node may do the next one.

First the node is buried: from then on it can neither claim nor renew its lease. Then its jobs are requeued or ended
in its name, a page at a time, by the ordinary statements, whose fence makes each of them harmless to repeat. Finally
its lanes are freed and its row is deleted. Nothing is locked from one step to the next: a rescuer that stops half-way
stops nobody, and another node goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from dbjobs.errors import LockTimeout
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import CALLBACK_FAILED, Held, Outcome, Ready
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.settlement import Settling

HELD_PER_STATEMENT = 1000


class Rescue(msgspec.Struct, frozen=True):
    """What was taken over: the dead node, and how many jobs run again or have ended."""

    node_id: int
    requeued: int
    ended: int


async def bury(db: Database, node_id: int) -> bool:
    """Take a node's right to its lease away, if the lease is over.

    Returns:
        False if the lease holds, if the node is buried already or gone, or if it is claiming at this moment.
    """
    return await without_conflict(lambda: repository.bury_node(db, node_id))


async def take_over(
    db: Database, node_id: int, on_written: Callable[[Held, Outcome], None] = lambda job, outcome: None
) -> Rescue:
    """Requeue or end everything that a buried node holds (or one that has no row), free its lanes and forget it.

    It may be called again, and by several nodes at the same time, until the node is gone. What somebody else is
    writing at this moment is left for the next call.

    Args:
        on_written: called with each job and its outcome, once that is written.
    """
    requeued = ended = 0
    last: list[tuple[int, int]] = []
    while held := await repository.find_held(db, node_id, HELD_PER_STATEMENT):
        page = [(job.id, job.attempt) for job in held]
        if page == last:
            break  # no progress
        last = page
        outcomes = [_outcome(job, node_id) for job in held]
        settling = Settling(node_id, client_counter(), outcomes)
        try:
            settled = await settling.run(db)
        except LockTimeout:
            settled = settling.so_far()
        left = set(settling.left())
        for job, outcome in zip(held, outcomes, strict=True):
            if job.id in settled.lost or job.id in left:
                continue
            requeued += outcome.kind == "retry"
            ended += outcome.kind != "retry"
            on_written(job, outcome)
        if settled.parents:
            await Follower(db, parents=settled.parents).run()
    await without_conflict(lambda: repository.remove_node(db, node_id))
    if requeued:
        await repository.notify(db, ready_notices([Ready("", 0, False, True)]))
    return Rescue(node_id, requeued, ended)


async def rescue_one(db: Database) -> Rescue | None:
    """Bury one node whose lease is over and take over from it, or go on with a rescue; None if all is well."""
    for node in await repository.list_nodes(db):
        if node.buried or (not node.alive and await bury(db, node.id)):
            return await take_over(db, node.id)
    return None


def _outcome(job: Held, node_id: int) -> Outcome:
    if job.cancel_requested:
        return Outcome(
            id=job.id,
            attempt=job.attempt,
            kind="cancelled",
            error_code="cancelled",
            error="cancelled; its node died before it could stop it",
        )
    message = f"node {node_id} stopped renewing its lease while it held this job"
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "attempt": job.attempt,
        "node_id": node_id,
        "code": "node_lost",
        "message": message,
    }
    again = job.attempt - job.attempt_base <= job.retry_limit
    return Outcome(
        id=job.id,
        attempt=job.attempt,
        kind="retry" if again else "failed",
        error_code=CALLBACK_FAILED if job.executed and not again else "node_lost",
        error=message,
        failure=msgspec.json.encode(entry).decode(),
    )
