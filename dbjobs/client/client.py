"""The client side: enqueueing, waiting, intervening, against one open database."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dbjobs.client.coalescer import Coalescer
from dbjobs.client.notices import Notices, ready_of, waits
from dbjobs.client.opening import Opening
from dbjobs.client.turns import RefTurns
from dbjobs.client.waiting import Waits
from dbjobs.errors import DatabaseError
from dbjobs.models import Job, JobRef, LiveFilter
from dbjobs.store import repository
from dbjobs.store.adopting import adopt
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database, Session
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import NewJob
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.appending import append_many, append_one, insert_all, learn_queues
from dbjobs.store.transactions.cancelling import cancel
from dbjobs.store.transactions.delivering import Deliver, add_deliveries, before_requeue
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.enqueueing import (
    Inserted,
    Parent,
    insert_one,
    insert_plain,
    is_plain,
    ref_deadline,
)
from dbjobs.store.transactions.queues import KnownQueues
from dbjobs.store.transactions.retrying import in_transaction
from dbjobs.transaction import Transaction

if TYPE_CHECKING:
    from dbjobs.engine.supervisor import Engine

log = logging.getLogger("dbjobs")

IDS_PER_STATEMENT = 1000


class Client:
    """One open database, shared by everything that a Jobs object does.

    Attributes:
        opening: opens and closes it.
        before_close: the first thing that a close calls, while the database is still open.
        deliver: the delivery of a job with a ``reply_to``; None where no notifier is registered.
    """

    def __init__(self, make: Callable[[], Database], *, migrate: bool) -> None:
        self.before_close: Callable[[], Awaitable[None]] | None = None
        self.deliver: Deliver | None = None
        self.opening = Opening(make, migrate=migrate, begin=self._begin, end=self._end)
        self._database = self.opening.database  # one lookup for each job

    def _begin(self, db: Database) -> None:
        """Create what belongs to one event loop. Nothing of it may outlive the last close."""
        self._db = db
        self._coalescer: Coalescer[NewJob, JobRef] = Coalescer(self._insert)
        self._turns = RefTurns(max(1, db.pool_size - 1))
        self._known_queues = KnownQueues()
        self._notices = Notices(lambda: db)
        self.waits = Waits(lambda: self.db)
        self.engine: Engine | None = None

    async def _end(self) -> None:
        """Write what is pending, before the database is closed."""
        if self.before_close is not None:
            await self.before_close()
        await self._coalescer.close()
        await self.waits.close()
        await self._notices.close()

    @property
    def db(self) -> Database:
        """The open database.

        Raises:
            NotRunning: it is not open. WrongLoop: it is open in another event loop.
        """
        return self.opening.database()

    def check_open(self) -> None:
        """Raise NotRunning or WrongLoop unless it is open, and in this event loop."""
        self._database()

    @property
    def is_working(self) -> bool:
        """True while workers run, in an event loop that still lives."""
        return self.engine is not None and self.opening.is_alive

    # --- enqueue --------------------------------------------------------------------------------

    async def enqueue(
        self, job: NewJob, parents: Sequence[Parent], *, connection: Any, refuse_existing: bool
    ) -> JobRef:
        """Insert one job: a plain one in a shared statement, others in a transaction of ours or the caller's."""
        db = self._database()
        delivery = None if job.reply_to is None else self.delivery_of(job)
        if connection is not None:
            session = await adopted(db, connection)
            return await append_one(
                db, session, job, parents, self._known_queues, refuse_existing=refuse_existing, delivery=delivery
            )
        if job.queue not in self._known_queues:
            await learn_queues(db, (job.queue,), self._known_queues, None)
        if delivery is None and is_plain(job):
            return await self._coalescer.submit(job)
        inserted, deliveries = await self._insert_alone(job, parents, delivery, refuse_existing=refuse_existing)
        if not inserted.is_unresolved:
            self._wake([job])
        children = [inserted.ref.id, *deliveries] if inserted.is_unresolved else deliveries
        if children:
            await self._follow(Follower(db, children=children))
        return inserted.ref

    def delivery_of(self, job: NewJob) -> NewJob | None:
        """The job that tells this one's ``reply_to`` of its end; None if no notifier here handles that.

        Raises:
            InvalidOption: the notifier cannot send anything to it.
        """
        return None if self.deliver is None else self.deliver(job)

    async def _insert_alone(
        self, job: NewJob, parents: Sequence[Parent], delivery: NewJob | None, *, refuse_existing: bool
    ) -> tuple[Inserted, list[int]]:
        """Insert one job with a ref_id, parents or a delivery in a transaction of ours; also the ids of deliveries."""
        db = self.db
        deadline = ref_deadline()
        notices = ready_notices([ready_of(job)])
        queues = (job.queue,) if delivery is None else (job.queue, delivery.queue)
        await learn_queues(db, queues, self._known_queues, None)

        async def work(session: Session) -> tuple[Inserted, list[int]]:
            inserted = await insert_one(
                session, None, job, parents, notices, refuse_existing=refuse_existing, deadline=deadline
            )
            if delivery is None or not inserted.ref.created:
                return inserted, []
            return inserted, await add_deliveries(session, [(inserted.ref.id, delivery)])

        if job.ref_id is None:
            return await in_transaction(db, work)
        async with self._turns.of(job.ref_id, deadline):
            return await in_transaction(db, work)

    async def _follow(self, follower: Follower) -> None:
        """Tell parents and children of each other now; the engine's sweep finds what this leaves undone."""
        try:
            await follower.run()
        except DatabaseError as error:
            log.info("could not tell the children now; the sweep will: %s", error)
        if self.engine is not None:
            self.engine.waker.ready(follower.ready)
            self.engine.dependencies.poke()
        self.waits.ended(follower.cancelled)

    async def enqueue_many(self, jobs: Sequence[NewJob], *, connection: Any) -> list[JobRef]:
        """Insert plain jobs in one transaction."""
        db = self.db
        if not jobs:
            return []
        # All of them have the same options.
        delivery = None if jobs[0].reply_to is None else self.delivery_of(jobs[0])
        if connection is not None:
            return await append_many(db, await adopted(db, connection), jobs, self._known_queues, delivery)
        await learn_queues(db, sorted({job.queue for job in jobs}), self._known_queues, None)
        refs = await in_transaction(db, lambda session: insert_all(session, jobs, delivery))
        self._wake(jobs[:1])
        if delivery is not None and self.engine is not None:
            self.engine.dependencies.poke()
        return refs

    async def _insert(self, jobs: Sequence[NewJob]) -> list[JobRef]:
        if self._known_queues.age():
            await learn_queues(self._db, sorted({job.queue for job in jobs}), self._known_queues, None)
        notices = ready_notices(self._notices.due(jobs))
        if any(job.batch_id is not None for job in jobs):
            refs = await in_transaction(self._db, lambda session: insert_plain(session, jobs, notices))
        else:
            refs = await without_conflict(lambda: insert_plain(self._db, jobs, notices))
        self._wake(jobs)
        return refs

    # --- wake-ups -------------------------------------------------------------------------------

    def _wake(self, jobs: Sequence[NewJob]) -> None:
        """Tell the workers of this process."""
        if self.engine is None:
            return
        self.engine.waker.ready([ready_of(job) for job in jobs if not waits(job)])
        for job in jobs:
            if job.delay_seconds is not None:
                self.engine.timekeeper.scheduled_in(job.delay_seconds)

    async def tell(self, jobs: Sequence[NewJob]) -> None:
        """Jobs were stored by a statement of their own: tell the workers, here and elsewhere."""
        self._wake(jobs)
        await self._notices.send(ready_notices([ready_of(job) for job in jobs if not waits(job)]))

    def tasks_changed(self) -> None:
        """A scheduled task was changed by this process."""
        if self.engine is not None:
            self.engine.timekeeper.tasks_changed()

    def poke_queues(self) -> None:
        """This process has changed settings of queues."""
        if self.engine is not None:
            self.engine.waker.queues_changed = True
            self.engine.waker.poke()

    # --- read -----------------------------------------------------------------------------------

    async def get_many(self, ids: Iterable[int]) -> dict[int, Job]:
        """Jobs by id."""
        wanted = list(dict.fromkeys(ids))
        jobs: dict[int, Job] = {}
        for start in range(0, len(wanted), IDS_PER_STATEMENT):
            jobs |= await repository.get_jobs(self.db, wanted[start : start + IDS_PER_STATEMENT])
        return jobs

    async def get_reply_to(self, id: int) -> str | None:
        """A job's ``reply_to`` as it was given; a Job has it masked."""
        return (await repository.get_reply_to(self.db, [id])).get(id)

    async def find_ref(self, ref_id: str) -> int | None:
        """The id of the job with this ref_id; None if there is none."""
        return (await repository.find_refs(self.db, [ref_id])).get(ref_id)

    # --- intervene ------------------------------------------------------------------------------

    async def cancel(self, ids: Sequence[int], reason: str) -> int:
        """Cancel live jobs (running ones are asked to stop); returns how many were reached."""
        done = await cancel(self.db, ids, "cancelled", reason)
        if self.engine is not None:
            self.engine.cancel(done.asked)
            self.engine.waker.ready(done.ready)
        self.waits.ended(done.ended)
        return len(done.ended.intersection(ids)) + len(done.asked)

    async def cancel_many(self, reason: str, filters: LiveFilter) -> int:
        """Cancel all live jobs that fit, a page at a time."""
        after, reached = 0, 0
        while ids := await repository.find_live(self.db, after_id=after, limit=IDS_PER_STATEMENT, **filters):
            reached += await self.cancel(ids, reason)
            after = ids[-1]
        return reached

    async def requeue(self, ids: Sequence[int], *, as_they_were: bool = False) -> int:
        """Bring failed or cancelled jobs back, to run now or as they waited before; returns how many."""
        db = self.db
        await before_requeue(db, ids)
        revived, waiting = await without_conflict(
            lambda: repository.requeue_jobs(db, ids, client_counter(), as_they_were=as_they_were)
        )
        if revived:
            await self._notices.send(ready_notices(revived))
            if self.engine is not None:
                self.engine.waker.ready(revived)
        if waiting:
            await self._follow(Follower(db, children=waiting))
        try:  # queues that have been forgotten since are listed again
            await learn_queues(db, sorted({ready.queue for ready in revived}), self._known_queues, None)
        except DatabaseError as error:
            log.info("could not list the queues of requeued jobs: %s", error)
        return len(revived) + len(waiting)


async def adopted(db: Database, connection: Any) -> Session:
    """A session on a caller's connection, or on that of ``job.transaction()``."""
    return await adopt(db, connection.connection if isinstance(connection, Transaction) else connection)
