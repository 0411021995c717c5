"""Deliveries: jobs that tell the ``reply_to`` of another one how that has ended.

A delivery is a child of its job that takes any end (``depends_on_policy="finished"``). It is appended in the
transaction that stores the job, so it exists if and only if the job does, and what tells children of their parents'
ends makes it ready, however the job ended. A job that nobody is told of costs no row, no statement and no flag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from dbjobs.models import Backoff, Job
from dbjobs.store import repository
from dbjobs.store.database import Session
from dbjobs.store.records import NewJob
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.enqueueing import ROWS_PER_INSERT

# Their queue, which holds nothing else: a receiver that does not answer holds up no other queue, and no lane.
DELIVERY_QUEUE = "dbjobs.notify"
# Command of a delivery: this and the scheme, so that a node claims what it has a notifier for, and nothing else.
DELIVERY_PREFIX = "dbjobs.notify."
# 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, then every 4 h: about two days.
DELIVERY_RETRY_LIMIT = 18
DELIVERY_BACKOFF = Backoff(first_seconds=5, factor=4, max_seconds=4 * 3600, jitter=0.2)
DELIVERY_TIMEOUT_SECONDS = 60.0
# How long after a requeue, or a scheduled task's time, the job is looked for: by then it is committed.
LATER_SECONDS = 1.0
# The key in a job's meta: this job looks for the one with that ref_id, to make its delivery; and how often it looks.
TELLS_OF = "tells_of"
FIRED_RETRY_LIMIT = 5
FIRED_AGAIN_SECONDS = 10.0

# The delivery of a job that is about to be stored; None if nobody is to be told.
Deliver = Callable[[NewJob], NewJob | None]


def delivery_ref(job_id: int) -> str:
    """The ref_id of the delivery that is stored with a job."""
    return f"notify:{job_id}"


def is_delivery(command: str) -> bool:
    """True for the command of a delivery."""
    return command.startswith(DELIVERY_PREFIX)


async def add_deliveries(session: Session, told: Sequence[tuple[int, NewJob]]) -> list[int]:
    """Append deliveries to the transaction that has inserted their jobs; their ids.

    Args:
        told: the id of a job, and its delivery.
    """
    ids: list[int] = []
    for start in range(0, len(told), ROWS_PER_INSERT):
        some = told[start : start + ROWS_PER_INSERT]
        rows = [
            replace(row, ref_id=delivery_ref(id), parent_id=id, pending=1, depends_on=f"[{id}]") for id, row in some
        ]
        inserted = [id for id, _ in await repository.insert_jobs(session, rows, ())]
        pairs = [(id, new) for (id, _), new in zip(some, inserted, strict=True)]
        # Nobody else can take these keys: they have the id of a job that nobody else has seen.
        await repository.add_delivery_refs(session, [(delivery_ref(id), new) for id, new in pairs])
        await repository.add_dependencies(session, pairs)
        ids += inserted
    return ids


async def before_fire(db: repository.Fetcher, delivery: NewJob | None, ref_id: str | None) -> None:
    """Append a job that makes the delivery of a scheduled task's job, which is about to be inserted with this ref_id.

    It comes first, for the reason of ``before_requeue``. Nodes that are too late to fire the task append theirs, too;
    the ref_id of the delivery decides.
    """
    if delivery is None:
        return
    row = replace(
        delivery,
        retry_limit=FIRED_RETRY_LIMIT,
        meta=msgspec.json.encode({TELLS_OF: ref_id}).decode(),
        delay_seconds=LATER_SECONDS,
    )
    await without_conflict(lambda: repository.insert_jobs(db, [row], ()))


async def before_requeue(db: repository.Fetcher, job_ids: Sequence[int]) -> None:
    """Append deliveries that look after jobs which are about to be requeued, for those that have deliveries.

    They come first, and are due a moment later, because the requeue is a commit of its own: if the process died between
    the two, nobody would be told of the job's next end. If a job is not requeued after all, its delivery repeats what
    was told before. They are made from what is stored, so the process needs no notifier.
    """
    refs = await repository.find_refs(db, [delivery_ref(id) for id in job_ids])
    if not refs:
        return
    stored = await repository.get_jobs(db, list(refs.values()))
    targets = await repository.get_reply_to(db, list(refs.values()))
    rows = [
        replace(_again(stored[refs[ref]], targets[refs[ref]]), depends_on=f"[{id}]", parent_id=id)
        for id in job_ids
        if (ref := delivery_ref(id)) in refs and refs[ref] in stored
    ]
    if rows:
        await without_conflict(lambda: repository.insert_jobs(db, rows, ()))


async def delivery_like(db: repository.Fetcher, id: int) -> NewJob | None:
    """A delivery like a stored one, for another job; None if the stored one is gone.

    It is made from what is stored, so the process needs no notifier.
    """
    stored = (await repository.get_jobs(db, [id])).get(id)
    if stored is None:
        return None
    reply_to = (await repository.get_reply_to(db, [id])).get(id)
    return replace(_again(stored, reply_to), delay_seconds=None)


def _again(delivery: Job, reply_to: str | None) -> NewJob:
    return NewJob(
        queue=delivery.queue,
        priority=delivery.priority,
        command=delivery.command,
        retry_limit=delivery.retry_limit,
        retry=msgspec.json.encode(DELIVERY_BACKOFF).decode(),
        timeout_seconds=delivery.timeout_seconds,
        reply_to=reply_to,
        depends_on_policy="finished",
        delay_seconds=LATER_SECONDS,
    )
