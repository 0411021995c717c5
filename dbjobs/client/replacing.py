"""Replaces one job with another, if it has not started, in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import anyio

from dbjobs.client.client import Client
from dbjobs.client.notices import ready_of, waits
from dbjobs.models import JobRef, JobState
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Session
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.appending import learn_queues
from dbjobs.store.transactions.cancelling import PATIENCE_SECONDS
from dbjobs.store.transactions.delivering import add_deliveries, delivery_like
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.enqueueing import Inserted, Parent, insert_one
from dbjobs.store.transactions.queues import KnownQueues
from dbjobs.store.transactions.retrying import in_transaction

_PAUSE_SECONDS = 0.01
_NOT_STARTED = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED)


class _NotCancelled(Exception):
    """Rolls back: the old job is locked by somebody else, or has started."""


async def replace(
    client: Client, old: int, deliveries: Sequence[int], job: NewJob, parents: Sequence[Parent], reason: str
) -> JobRef | None:
    """Store a job and cancel another one with its deliveries, all or nothing. Nobody is told of the cancellation.

    The old rows, which others may want, are locked last, so they are held for one statement and the COMMIT. While
    somebody else has one locked, everything is rolled back and tried again, for ``PATIENCE_SECONDS``.

    Args:
        old: id of the job that goes.
        deliveries: ids of the deliveries that would tell of its end.
        job: the one that comes; without a ref_id.
        reason: kept as the error text of the old one.

    Returns:
        The new job; None if the old one has started or ended, and nothing was done.

    Raises:
        UnknownJob: a parent does not exist. DatabaseError. InvalidOption: its ``reply_to`` cannot be told.
    """
    db = client.db
    delivery = None if job.reply_to is None else client.delivery_of(job)
    if delivery is None and deliveries:
        delivery = await delivery_like(db, deliveries[0])
    going = [old, *deliveries]
    queues = {job.queue} if delivery is None else {job.queue, delivery.queue}
    await learn_queues(db, sorted(queues), KnownQueues(), None)

    async def work(session: Session) -> tuple[Inserted, list[int]]:
        notices = () if waits(job) else ready_notices([ready_of(job)])
        inserted = await insert_one(session, None, job, parents, notices, refuse_existing=True)
        told = [] if delivery is None else await add_deliveries(session, [(inserted.ref.id, delivery)])
        gone, _ = await repository.cancel_jobs(session, going, client_counter(), "cancelled", reason, ask_running=False)
        if not gone.issuperset(going):
            raise _NotCancelled
        return inserted, told

    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            inserted, told = await in_transaction(db, work)
            break
        except _NotCancelled:
            alive = [id for id, one in (await client.get_many(going)).items() if one.state in _NOT_STARTED]
            if old not in alive or time.monotonic() > until:
                return None
            going = sorted(alive)
            await anyio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
    client.waits.ended(set(going))
    if not inserted.is_unresolved:
        client._wake([job])
    children = [inserted.ref.id, *told] if inserted.is_unresolved else told
    await client._follow(Follower(db, parents={old}, children=children))
    return inserted.ref
