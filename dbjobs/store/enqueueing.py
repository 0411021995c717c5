"""Enqueue as transactions: plain rows, rows with a ref_id, rows that depend on others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from dbjobs.errors import DatabaseError, RefIdExists, UnknownJob
from dbjobs.models import JobRef, JobState
from dbjobs.store import repository
from dbjobs.store.cancelling import cancel_in
from dbjobs.store.database import Session
from dbjobs.store.records import NewJob

# Rows of one insert statement; larger sets go in several statements of one transaction.
ROWS_PER_INSERT = 1000
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
    session: Session, job: NewJob, parents: Sequence[Parent], notices: Sequence[str], *, refuse_existing: bool
) -> JobRef:
    """Insert one row with a ref_id or with parents, inside a transaction.

    Args:
        parents: the jobs it depends on.
        refuse_existing: raise RefIdExists instead of returning the existing job.

    Raises:
        UnknownJob: a parent does not exist. RefIdExists.
    """
    if job.ref_id is not None:
        existing = await _existing(session, job.ref_id)
        if existing is not None:
            return _refused(existing, job.ref_id, refuse_existing)
    live, failed = await _settle_parents(session, parents, job.depends_on_policy)
    if parents:
        ids = await _parent_ids(session, parents)
        job = replace(job, pending=len(live), depends_on=msgspec.json.encode(ids).decode())
    for _ in range(5):
        rows = await repository.insert_jobs(session, [job], notices)
        if rows:
            break
        # A live job has the key, or had it until a moment ago.
        assert job.ref_id is not None
        existing = await _existing(session, job.ref_id)
        if existing is not None:
            return _refused(existing, job.ref_id, refuse_existing)
    else:
        raise DatabaseError(f"ref_id {job.ref_id!r} can neither be inserted nor found")
    id = rows[0][0]
    if job.batch_id is not None:
        await repository.add_to_batches(session, {job.batch_id: 1})
    if job.ref_id is not None:
        # The job with this key may have moved to history while our insert waited for its index entry.
        for ref_id, other, is_live in await repository.find_refs(session, [job.ref_id]):
            if not is_live:
                await repository.discard_jobs(session, [id])
                return _refused(other, ref_id, refuse_existing)
    if live:
        await repository.add_dependencies(session, [(parent, id) for parent in sorted(live)])
    if failed is not None:
        await cancel_in(session, [id], "parent", f"job {failed[0]}, which it depends on, {_ended(failed[1])}")
    return JobRef(id, job.ref_id)


def _ended(state: JobState) -> str:
    return "failed" if state is JobState.FAILED else "was cancelled"


async def _existing(session: Session, ref_id: str) -> int | None:
    found = await repository.find_refs(session, [ref_id])
    return found[0][1] if found else None


def _refused(id: int, ref_id: str, refuse_existing: bool) -> JobRef:
    if refuse_existing:
        raise RefIdExists(f"ref_id {ref_id!r} is taken by job {id}")
    return JobRef(id, ref_id, created=False)


async def _parent_ids(session: Session, parents: Sequence[Parent]) -> list[int]:
    ref_ids = [parent for parent in parents if isinstance(parent, str)]
    by_ref = {ref: id for ref, id, _ in await repository.find_refs(session, ref_ids)} if ref_ids else {}
    ids: dict[int, None] = {}
    for parent in parents:
        if isinstance(parent, str):
            if parent not in by_ref:
                raise UnknownJob(f"depends_on names ref_id {parent!r}, but there is no such job")
            ids[by_ref[parent]] = None
        else:
            ids[parent] = None
    return list(ids)


async def _settle_parents(
    session: Session, parents: Sequence[Parent], policy: str
) -> tuple[set[int], tuple[int, JobState] | None]:
    """Lock the live parents; return them, and the first that has ended in a way the policy does not accept."""
    if not parents:
        return set(), None
    ids = await _parent_ids(session, parents)
    live = await repository.lock_parents(session, ids)
    ended = [id for id in ids if id not in live]
    if not ended:
        return live, None
    # With a new snapshot: a parent that is not live any more is in history by now.
    ends = await repository.find_ends(session, ended)
    failed = None
    for id in ended:
        if id not in ends:
            raise UnknownJob(f"depends_on names job {id}, but there is no such job")
        if failed is None and policy == "completed" and ends[id] is not JobState.COMPLETED:
            failed = (id, ends[id])
    return live, failed
