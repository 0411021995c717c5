"""What an enqueue writes and looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbjobs.models import JobState
from dbjobs.store.records import NewJob
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table


async def insert_jobs(db: Fetcher, jobs: Sequence[NewJob], notices: Sequence[str]) -> list[tuple[int, str | None]]:
    """Insert; (id, ref_id) of the rows, in input order."""
    rows = await db.fetch("insert_jobs", jobs=Table.of(jobs), notices=notices)
    return sorted((row[0], row[1]) for row in rows)


async def add_to_batches(db: Fetcher, totals: Mapping[str, int]) -> None:
    """Append what this transaction has added to batches."""
    await db.fetch("add_to_batches", counts=Table(("batch_id", "total"), sorted(totals.items())))


async def find_refs(db: Fetcher, ref_ids: Sequence[str]) -> dict[str, int]:
    """The job of each of these ref_ids that exist, live or in history."""
    return {row[0]: row[1] for row in await db.fetch("find_refs", ref_ids=ref_ids)}


async def add_refs(db: Fetcher, refs: Sequence[tuple[str, int]]) -> set[str]:
    """Register the (ref_id, job id) of jobs that this transaction has inserted; returns the ref_ids that were free.

    Waits while another open transaction has inserted the very same ref_id.
    """
    return {row[0] for row in await db.fetch("add_refs", refs=Table(("ref_id", "job_id"), refs))}


async def add_delivery_refs(db: Fetcher, refs: Sequence[tuple[str, int]]) -> None:
    """Register the (ref_id, id) of deliveries that this transaction has inserted, whose keys nobody else wants."""
    await db.fetch("add_delivery_refs", refs=Table(("ref_id", "job_id"), refs))


async def discard_jobs(db: Fetcher, ids: Sequence[int]) -> None:
    """Delete rows that this transaction has inserted."""
    await db.fetch("discard_jobs", ids=ids)


async def find_parents(db: Fetcher, ids: Sequence[int]) -> dict[int, JobState | None]:
    """How these jobs ended: None for live ones, nothing for unknown ones. Locks nothing."""
    return {row[0]: None if row[1] is None else JobState(row[1]) for row in await db.fetch("find_parents", ids=ids)}


async def find_ends(db: Fetcher, ids: Sequence[int]) -> dict[int, JobState]:
    """How jobs ended, for those that have."""
    return {row[0]: JobState(row[1]) for row in await db.fetch("find_ends", ids=ids)}


async def find_runs(db: Fetcher, ids: Sequence[int]) -> dict[int, tuple[JobState, float | None]]:
    """How jobs ended and how many milliseconds their last attempts took, for those that have ended."""
    return {row[0]: (JobState(row[1]), row[2]) for row in await db.fetch("find_runs", ids=ids)}


async def add_dependencies(db: Fetcher, edges: Sequence[tuple[int, int]]) -> None:
    """Record (parent id, child id) pairs."""
    await db.fetch("add_dependencies", edges=Table(("parent_id", "child_id"), edges))


async def add_queues(db: Fetcher, queues: Sequence[str]) -> None:
    """List queues, and note that those already listed are in use; their settings are left alone."""
    await db.fetch("add_queues", queues=queues)


async def notify(db: Fetcher, notices: Sequence[str]) -> None:
    """Send notices when the transaction commits (nothing on databases without them)."""
    await db.fetch("notify", notices=notices)
