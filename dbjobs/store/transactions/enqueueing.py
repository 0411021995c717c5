"""Enqueue as transactions that only append: plain rows, rows with a ref_id, rows that depend on others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
from msgspec.structs import replace

from dbjobs.errors import RefIdBusy, RefIdExists, TransactionConflict, UnknownJob
from dbjobs.models import JobRef, JobState
from dbjobs.store import repository
from dbjobs.store.database import Session
from dbjobs.store.records import NewJob
from dbjobs.store.synchronous import pause, time_limit

# Rows of one insert statement; larger sets go in several statements of one transaction.
ROWS_PER_INSERT = 1000
# The longest wait for another transaction that has inserted the same ref_id and is still open.
REF_WAIT_SECONDS = 10.0
# From this many rows on the database's bulk form is worth its extra round trip.
BULK_ROWS = 100

Parent = int | str  # a job id, or a ref_id


def is_plain(job: NewJob) -> bool:
    """True if one INSERT is all there is to do."""
    return job.ref_id is None and job.depends_on is None


def fits_bulk(job: NewJob) -> bool:
    """True if the row needs nothing that only the insert statement does."""
    return (
        job.ref_id is None
        and job.depends_on is None
        and job.batch_id is None
        and job.delay_seconds is None
        and job.run_after is None
        and job.expires_seconds is None
    )


async def insert_plain(db: repository.Fetcher, jobs: Sequence[NewJob], notices: Sequence[str]) -> list[JobRef]:
    """Insert rows for which ``is_plain`` holds; inside a transaction if any of them has a batch."""
    refs = [JobRef(id) for id, _ in await repository.insert_jobs(db, jobs, notices)]
    batches = Counter(job.batch_id for job in jobs if job.batch_id is not None)
    if batches:
        await repository.add_to_batches(db, batches)
    return refs


async def insert_many(session: Session, jobs: Sequence[NewJob]) -> list[JobRef]:
    """Insert plain rows in a transaction, by the bulk form where they fit."""
    if len(jobs) >= BULK_ROWS and all(map(fits_bulk, jobs)):
        return [JobRef(id) for id in await session.insert_bulk(jobs)]
    refs: list[JobRef] = []
    for start in range(0, len(jobs), ROWS_PER_INSERT):
        refs += await insert_plain(session, jobs[start : start + ROWS_PER_INSERT], ())
    return refs


async def insert_one(
    session: Session,
    db: repository.Fetcher | None,
    job: NewJob,
    parents: Sequence[Parent],
    notices: Sequence[str],
    *,
    refuse_existing: bool,
    deadline: float | None = None,
    alive: Collection[int] = (),
) -> Inserted:
    """Insert one row with a ref_id or with parents, inside a transaction, which only appends rows.

    Nothing is locked that anybody else needs, however long the transaction stays open. A child of parents that have
    not all ended is inserted unresolved: its parents do not know of it yet.

    Args:
        session: the transaction, ours or the caller's.
        db: where to look first, if the transaction is the caller's: its snapshot may be older than what is looked for,
            and at some levels of isolation what it reads keeps others from writing. None if the transaction is ours.
        parents: the jobs it depends on.
        refuse_existing: raise RefIdExists instead of returning the existing job.
        deadline: until when to wait for another transaction that has inserted the same ref_id, by ``time.monotonic()``;
            ``REF_WAIT_SECONDS`` from now if it is not given.
        alive: parents that this transaction has inserted itself, which need not be looked for.

    Raises:
        UnknownJob: a parent does not exist. RefIdExists. RefIdBusy.
    """
    if deadline is None:
        deadline = ref_deadline()
    if job.ref_id is not None:
        existing = await _existing(session, db, job.ref_id)
        if existing is not None:
            return Inserted(_refused(existing, job.ref_id, refuse_existing))
    edges: list[int] = []
    if parents:
        others = [parent for parent in parents if parent not in alive]
        ids, edges = await find_parents(session, db, others, job.depends_on_policy) if others else ([], [])
        ours = [parent for parent in parents if isinstance(parent, int) and parent in alive]
        ids, edges = [*ours, *ids], [*ours, *edges]
        job = replace(job, pending=len(edges), depends_on=msgspec.json.encode(ids).decode())
    while True:
        ((id, _),) = await repository.insert_jobs(session, [job], notices)
        if job.ref_id is None or await _add_ref(session, job.ref_id, id, deadline):
            break
        await repository.discard_jobs(session, [id])
        existing = await _existing(session, db, job.ref_id, own=True)
        if existing is not None:
            return Inserted(_refused(existing, job.ref_id, refuse_existing))
        if time.monotonic() > deadline:
            raise ref_is_busy(job.ref_id)
        await pause(0.01)
    if job.batch_id is not None:
        await repository.add_to_batches(session, {job.batch_id: 1})
    if edges:
        await repository.add_dependencies(session, [(parent, id) for parent in edges])
    return Inserted(JobRef(id, job.ref_id), is_unresolved=bool(edges))


class Inserted(msgspec.Struct, frozen=True):
    """What ``insert_one`` did; with ``is_unresolved`` the parents are to be told after the commit (see Follower)."""

    ref: JobRef
    is_unresolved: bool = False


async def _existing(session: Session, db: repository.Fetcher | None, ref_id: str, *, own: bool = False) -> int | None:
    """The job that has this key; with ``own`` also if this very transaction inserted it."""
    found = await repository.find_refs(db or session, [ref_id])
    if ref_id not in found and db is not None and own:
        found = await repository.find_refs(session, [ref_id])
    return found.get(ref_id)


async def _add_ref(session: Session, ref_id: str, id: int, deadline: float) -> bool:
    """Take the key; False if it is taken. Waits for another open transaction that has taken it, if there is one."""
    try:
        async with time_limit(max(deadline - time.monotonic(), 0.0)):
            return bool(await repository.add_refs(session, [(ref_id, id)]))
    except TimeoutError:
        raise ref_is_busy(ref_id) from None
    except TransactionConflict:
        if time.monotonic() > deadline:
            raise ref_is_busy(ref_id) from None
        raise  # our own connections wait for a lock only briefly at a time; the transaction is retried


def ref_deadline() -> float:
    """Until when an enqueue that begins now waits for another transaction with its ref_id, by ``time.monotonic()``."""
    return time.monotonic() + REF_WAIT_SECONDS


def ref_is_busy(ref_id: str) -> RefIdBusy:
    """The error for a ref_id about which another transaction has not decided in time."""
    return RefIdBusy(
        f"ref_id {ref_id!r} is being enqueued in a transaction that is still open; waited {REF_WAIT_SECONDS:g} s"
    )


def _refused(id: int, ref_id: str, refuse_existing: bool) -> JobRef:
    if refuse_existing:
        raise RefIdExists(f"ref_id {ref_id!r} is taken by job {id}")
    return JobRef(id, ref_id, created=False)


async def find_parents(
    session: Session, db: repository.Fetcher | None, parents: Sequence[Parent], policy: str
) -> tuple[list[int], list[int]]:
    """The ids of these parents, and of those that the job must hear of: alive, or ended in a way it does not accept."""
    ids = await _parent_ids(session, db, parents)
    states = await repository.find_parents(db or session, ids)
    missing = [id for id in ids if id not in states]
    if missing and db is not None:
        states |= await repository.find_parents(session, missing)
    for id in ids:
        if id not in states:
            raise UnknownJob(f"depends_on names job {id}, but there is no such job")
    suits = (JobState.COMPLETED,) if policy == "completed" else _FINALS
    return ids, [id for id in ids if states[id] not in suits]


async def _parent_ids(session: Session, db: repository.Fetcher | None, parents: Sequence[Parent]) -> list[int]:
    ref_ids = [parent for parent in parents if isinstance(parent, str)]
    by_ref = await repository.find_refs(db or session, ref_ids) if ref_ids else {}
    missing = [ref_id for ref_id in ref_ids if ref_id not in by_ref]
    if missing and db is not None:
        by_ref |= await repository.find_refs(session, missing)
    ids: dict[int, None] = {}
    for parent in parents:
        if isinstance(parent, str):
            if parent not in by_ref:
                raise UnknownJob(f"depends_on names ref_id {parent!r}, but there is no such job")
            ids[by_ref[parent]] = None
        else:
            ids[parent] = None
    return list(ids)


_FINALS = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
