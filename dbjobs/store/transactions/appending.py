"""Enqueue in a caller's own transaction: rows are appended to it, and nothing else is done there.

The caller commits when it likes, so the engine hears of the jobs by a notice that comes with the commit, or by looking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dbjobs.models import JobRef
from dbjobs.store import repository
from dbjobs.store.database import Session
from dbjobs.store.notices import CHILDREN, ready_notices
from dbjobs.store.records import NewJob, Ready
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.delivering import add_deliveries
from dbjobs.store.transactions.enqueueing import Parent, insert_many, insert_one, ref_deadline
from dbjobs.store.transactions.queues import KnownQueues


class Appender(repository.Fetcher, Protocol):
    """A database, as an enqueue in a caller's transaction needs it."""

    one_writer: bool


async def append_one(
    db: Appender,
    session: Session,
    job: NewJob,
    parents: Sequence[Parent],
    known_queues: KnownQueues,
    *,
    refuse_existing: bool,
    delivery: NewJob | None = None,
) -> JobRef:
    """Insert one job in the caller's transaction. After the commit, the engine's sweep tells the job's parents of it.

    Args:
        db: for what does not belong in that transaction.
        session: the caller's.
        known_queues: queues that are listed for people; those that are new are added.
        refuse_existing: raise RefIdExists instead of returning the existing job.
        delivery: the job that tells its ``reply_to`` of its end.
    """
    queues = (job.queue,) if delivery is None else (job.queue, delivery.queue)
    await learn_queues(db, queues, known_queues, session)
    notices = [CHILDREN] if parents else ready_notices([Ready(job.queue, job.priority, job.worker is not None)])
    deadline = ref_deadline()
    inserted = await insert_one(session, db, job, parents, notices, refuse_existing=refuse_existing, deadline=deadline)
    if delivery is not None and inserted.ref.created:
        await add_deliveries(session, [(inserted.ref.id, delivery)])
        await repository.notify(session, [CHILDREN])
    return inserted.ref


async def append_many(
    db: Appender,
    session: Session,
    jobs: Sequence[NewJob],
    known_queues: KnownQueues,
    delivery: NewJob | None = None,
) -> list[JobRef]:
    """Insert plain jobs (at least one) in the caller's transaction (see ``append_one``)."""
    queues = {job.queue for job in jobs} | ({delivery.queue} if delivery is not None else set())
    await learn_queues(db, sorted(queues), known_queues, session)
    return await insert_all(session, jobs, delivery)


async def insert_all(session: Session, jobs: Sequence[NewJob], delivery: NewJob | None = None) -> list[JobRef]:
    """Insert plain jobs (at least one) in a transaction, and tell of them when it commits."""
    refs = await insert_many(session, jobs)
    ready = [Ready(job.queue, job.priority, job.worker is not None) for job in (jobs[0], jobs[-1])]
    notices = ready_notices(ready)
    if delivery is not None:
        await add_deliveries(session, [(ref.id, delivery) for ref in refs])
        notices = [*notices, CHILDREN]
    await repository.notify(session, notices)
    return refs


async def learn_queues(db: Appender, queues: Sequence[str], known: KnownQueues, callers: Session | None) -> None:
    """List queues for people, outside the caller's transaction, which would hold up all others that use them first."""
    known.age()
    new = [queue for queue in queues if queue not in known]
    if new and callers is not None and db.one_writer:
        await repository.add_queues(callers, new)  # not noted as known: it may be rolled back
    elif new:
        known.update(new)  # others that come meanwhile need not list it again: no job waits for a queue's row
        try:
            await without_conflict(lambda: repository.add_queues(db, new))
        except BaseException:
            known.difference_update(new)
            raise
