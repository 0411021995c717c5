"""What becomes of claimed jobs, and of those that never start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbjobs.models import JobState
from dbjobs.store.records import Outcome, Ready
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

_FINISH = (
    "id", "attempt", "kind", "response", "response_body", "duration_ms", "error_code", "error", "failure",
    "progress", "status", "release_worker",
)  # fmt: skip
_FINISH_COLUMNS = tuple("state" if name == "kind" else name for name in _FINISH)


async def finish_jobs(
    db: Fetcher, node_id: int, outcomes: Sequence[Outcome], *, plain_only: bool
) -> list[tuple[int, JobState, str | None, bool]]:
    """Move ended jobs to history; (id, state, batch_id, has_dependents) of those that were ours."""
    rows = [
        (
            o.id, o.attempt, o.kind, o.response, o.response_body, o.duration_ms, o.error_code, o.error, o.failure,
            o.progress, o.status, o.release_worker or None,
        )
        for o in outcomes
    ]  # fmt: skip
    moved = await db.fetch("finish_jobs", node_id=node_id, outcomes=Table(_FINISH_COLUMNS, rows), plain_only=plain_only)
    return [(row[0], row[1], row[2], bool(row[3])) for row in moved]


async def retry_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Schedule failed attempts again; the ids that were ours and not to be cancelled."""
    columns = (
        "id",
        "attempt",
        "delay_seconds",
        "error_code",
        "error",
        "failure",
        "block_worker",
        "release_worker",
    )
    return await _apply(db, "retry_jobs", node_id, columns, outcomes)


async def hand_back_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Return attempts without a charge; the ids that were ours and not to be cancelled."""
    return await _apply(db, "hand_back_jobs", node_id, ("id", "attempt", "release_worker"), outcomes)


async def execute_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Write down that bodies succeeded and callbacks are outstanding; the ids that were ours."""
    columns = ("id", "attempt", "response", "response_body", "duration_ms")
    return await _apply(db, "execute_jobs", node_id, columns, outcomes)


async def _apply(
    db: Fetcher, statement: str, node_id: int, columns: Sequence[str], outcomes: Sequence[Outcome]
) -> set[int]:
    rows = [tuple(getattr(outcome, column) for column in columns) for outcome in outcomes]
    return {row[0] for row in await db.fetch(statement, node_id=node_id, outcomes=Table(columns, rows))}


async def release_children(db: Fetcher, parents: Sequence[tuple[int, str]]) -> tuple[list[Ready], dict[int, int]]:
    """Parents (id, final state) ended: children that became ready, and doomed children -> failed parent."""
    rows = await db.fetch("release_children", parents=Table(("id", "state"), parents))
    ready = [Ready(row[2], row[3], row[4] is not None, True) for row in rows if row[5] is None and row[1] == "queued"]
    return ready, {row[0]: row[5] for row in rows if row[5] is not None}


async def count_batches(db: Fetcher, counts: Mapping[str, tuple[int, int, int]]) -> None:
    """Add (completed, failed, cancelled) to batches; in name order, so that two nodes do not deadlock."""
    rows = [(batch_id, *counts[batch_id]) for batch_id in sorted(counts)]
    await db.fetch("count_batches", counts=Table(("batch_id", "completed", "failed", "cancelled"), rows))


async def cancel_jobs(
    db: Fetcher, ids: Sequence[int], error_code: str, error: str
) -> list[tuple[int, JobState, str | None, bool]]:
    """Move jobs that have not started to history; (id, state, batch_id, has_dependents) of those."""
    rows = await db.fetch("cancel_jobs", ids=ids, error_code=error_code, error=error)
    return [(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def request_cancel(db: Fetcher, ids: Sequence[int]) -> set[int]:
    """Ask the owners of running jobs to cancel them; the ids that are running."""
    return {row[0] for row in await db.fetch("request_cancel", ids=ids)}


async def requeue_jobs(db: Fetcher, ids: Sequence[int]) -> list[tuple[int, Ready]]:
    """Bring failed or cancelled jobs back."""
    rows = await db.fetch("requeue_jobs", ids=ids)
    return [(row[0], Ready(row[1], row[2], row[3] is not None, True)) for row in rows]
