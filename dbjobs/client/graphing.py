"""Stores a graph: jobs that depend on each other, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dbjobs.client.client import Client, adopted
from dbjobs.client.notices import ready_of, waits
from dbjobs.models import JobRef
from dbjobs.store import repository
from dbjobs.store.database import Database, Session
from dbjobs.store.notices import CHILDREN, ready_notices
from dbjobs.store.transactions.appending import learn_queues
from dbjobs.store.transactions.delivering import add_deliveries
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.enqueueing import Inserted
from dbjobs.store.transactions.graphing import Planned, insert_graph
from dbjobs.store.transactions.retrying import in_transaction


async def enqueue_graph(client: Client, jobs: Sequence[Planned], *, connection: Any) -> list[JobRef]:
    """Insert jobs that depend on each other, parents first, in one transaction; references in this order.

    Args:
        connection: the caller's own; the jobs become part of its transaction. None for one of ours.

    Raises:
        UnknownJob: a parent does not exist. RefIdExists, RefIdBusy, DatabaseError. InvalidOption: a ``reply_to`` cannot
            be told.
    """
    db = client.db
    if not jobs:
        return []
    rows = [job.row for job in jobs]
    queues = sorted({row.queue for row in rows})
    roots = [job.row for job in jobs if not job.after and not job.parents and not waits(job.row)]
    notices = [*ready_notices(map(ready_of, roots)), CHILDREN]
    deliveries = [None if row.reply_to is None else client.delivery_of(row) for row in rows]

    async def work(session: Session, first: Database | None) -> list[Inserted]:
        inserted = await insert_graph(session, first, jobs)
        told = [
            (one.ref.id, delivery)
            for one, delivery in zip(inserted, deliveries, strict=True)
            if delivery is not None and one.ref.created
        ]
        await add_deliveries(session, told)
        await repository.notify(session, notices)
        return inserted

    if connection is not None:
        session = await adopted(db, connection)
        await learn_queues(db, queues, client._known_queues, session)
        return [one.ref for one in await work(session, db)]
    await learn_queues(db, queues, client._known_queues, None)
    inserted = await in_transaction(db, lambda session: work(session, None))
    client._wake([row for row, one in zip(rows, inserted, strict=True) if not one.is_unresolved])
    unresolved = [one.ref.id for one in inserted if one.is_unresolved]
    if unresolved:
        await client._follow(Follower(db, children=unresolved))
    elif any(deliveries) and client.engine is not None:
        client.engine.dependencies.poke()
    return [one.ref for one in inserted]
