"""Writes down what became of a set of attempts: the most common kind in one statement, the rest in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from dbjobs.store import repository
from dbjobs.store.cancelling import settle_ended
from dbjobs.store.database import Database, Session
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import Outcome, Ready
from dbjobs.store.retrying import in_transaction, with_months, without_conflict


class Settlement(msgspec.Struct, frozen=True):
    """What a settlement did.

    Attributes:
        lost: ids whose attempt is no longer ours; nothing was written for them.
        ready: jobs that may run now because of it.
    """

    lost: frozenset[int]
    ready: tuple[Ready, ...] = ()


async def settle(db: Database, node_id: int, outcomes: Sequence[Outcome]) -> Settlement:
    """Write outcomes down, each exactly once or not at all.

    Args:
        node_id: the node in whose name the attempts were made; part of the fence.
        outcomes: at most one for each job.

    Raises:
        DatabaseError: nothing was written (DatabaseUnavailable: nothing, or all of it).
    """
    plain = [o for o in outcomes if o.plain]
    rest = [o for o in outcomes if not o.plain]
    lost: set[int] = set()
    if plain:
        done = await with_months(db, lambda: _finish_plain(db, node_id, plain))
        if len(done) < len(plain):
            # Lost, or a child has come to depend on it meanwhile: the full way finds out which.
            rest += [o for o in plain if o.id not in done]
    ready: tuple[Ready, ...] = ()
    if rest:
        full = await in_transaction(db, lambda session: _settle_all(session, node_id, rest))
        lost |= full.lost
        ready = full.ready
    return Settlement(frozenset(lost), ready)


async def settle_in(session: Session, node_id: int, outcomes: Sequence[Outcome]) -> Settlement:
    """The same inside a transaction that somebody else commits."""
    return await _settle_all(session, node_id, outcomes)


async def _finish_plain(db: Database, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    moved = await without_conflict(lambda: repository.finish_jobs(db, node_id, outcomes, plain_only=True))
    return {row[0] for row in moved}


async def _settle_all(session: Session, node_id: int, outcomes: Sequence[Outcome]) -> Settlement:
    kinds: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda o: o.id):  # one order for all nodes: no deadlock
        kinds.setdefault(outcome.kind, []).append(outcome)
    lost: set[int] = set()
    finals = [o for kind in ("completed", "failed", "cancelled") for o in kinds.get(kind, ())]
    if executed := kinds.get("executed"):
        done = await repository.execute_jobs(session, node_id, executed)
        lost.update(o.id for o in executed if o.id not in done)
    if returned := kinds.get("hand_back"):
        done = await repository.hand_back_jobs(session, node_id, returned)
        finals += [_cancelled(o) for o in returned if o.id not in done]
    if retried := kinds.get("retry"):
        done = await repository.retry_jobs(session, node_id, retried)
        finals += [_cancelled(o) for o in retried if o.id not in done]
    ready: list[Ready] = []
    if finals:
        moved = await repository.finish_jobs(session, node_id, finals, plain_only=False)
        done = {row[0] for row in moved}
        lost.update(o.id for o in finals if o.id not in done)
        _, ready = await settle_ended(session, moved)
        if ready:
            await repository.notify(session, ready_notices(ready))
    return Settlement(frozenset(lost), tuple(ready))


def _cancelled(outcome: Outcome) -> Outcome:
    """A job that was to run again, but is lost or shall be cancelled: the fence tells which."""
    return replace(
        outcome,
        kind="cancelled",
        error_code="cancelled",
        error="cancelled while it was running",
        release_worker=outcome.release_worker or outcome.block_worker,
    )
