"""Takes over what a dead node has left behind."""

from __future__ import annotations

import msgspec

from dbjobs.store import repository
from dbjobs.store.database import Database, Session
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import Held, Outcome, Ready
from dbjobs.store.retrying import in_transaction
from dbjobs.store.settlement import settle_in

HELD_PER_STATEMENT = 1000


class Rescue(msgspec.Struct, frozen=True):
    """What was taken over: the dead node, and how many jobs run again or have ended."""

    node_id: int
    requeued: int
    ended: int


async def rescue_one(db: Database) -> Rescue | None:
    """Bury one node whose lease is over: requeue its attempts, free its lanes, delete its row.

    All in one transaction under a lock on the node's row, so that only one node does it and a crash in
    the middle changes nothing. None if every lease holds.
    """

    async def work(session: Session) -> Rescue | None:
        node_id = await repository.lock_dead_node(session)
        return None if node_id is None else await take_over(session, node_id)

    return await in_transaction(db, work)


async def take_over(session: Session, node_id: int) -> Rescue:
    """Everything that this node holds is requeued or ended, inside a transaction."""
    requeued = ended = 0
    while held := await repository.find_held(session, node_id, HELD_PER_STATEMENT):
        outcomes = [_outcome(job, node_id) for job in held]
        await settle_in(session, node_id, outcomes)
        again = sum(outcome.kind == "retry" for outcome in outcomes)
        requeued += again
        ended += len(outcomes) - again
    await repository.remove_node(session, node_id)
    if requeued:
        await repository.notify(session, ready_notices([Ready("", 0, False, True)]))
    return Rescue(node_id, requeued, ended)


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
    failure = msgspec.json.encode(
        {"at": "", "attempt": job.attempt, "node_id": node_id, "code": "node_lost", "message": message}
    ).decode()
    again = job.attempt - job.attempt_base <= job.retry_limit
    return Outcome(
        id=job.id,
        attempt=job.attempt,
        kind="retry" if again else "failed",
        error_code="node_lost",
        error=message,
        failure=failure,
    )
