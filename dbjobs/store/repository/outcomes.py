"""Outcomes of claimed jobs, and ends of those that never start."""

from __future__ import annotations

from collections.abc import Sequence

from dbjobs.store.records import Outcome, Ready
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

_FINISH = (
    "id", "attempt", "kind", "response", "response_body", "duration_ms", "error_code", "error", "failure",
    "progress", "status", "release_worker",
)  # fmt: skip
FINISH_COLUMNS = tuple("state" if name == "kind" else name for name in _FINISH)


async def finish_jobs(db: Fetcher, node_id: int, counter: int, outcomes: Sequence[Outcome]) -> list[tuple[int, bool]]:
    """Move ended jobs to history; (id, has_dependents) of those that were ours."""
    rows = [
        (
            o.id, o.attempt, o.kind, o.response, o.response_body, o.duration_ms, o.error_code, o.error, o.failure,
            o.progress, o.status, o.release_worker or None,
        )
        for o in outcomes
    ]  # fmt: skip
    table = Table(FINISH_COLUMNS, rows)
    moved = await db.fetch("finish_jobs", node_id=node_id, counter=counter, outcomes=table)
    return [(row[0], bool(row[1])) for row in moved]


async def retry_jobs(db: Fetcher, node_id: int, counter: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Schedule failed attempts again; returns the ids that were ours and not to be cancelled."""
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
    return await _apply(db, "retry_jobs", node_id, columns, outcomes, counter=counter)


async def hand_back_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Hand attempts back without a charge; returns the ids that were ours and not to be cancelled."""
    return await _apply(db, "hand_back_jobs", node_id, ("id", "attempt", "release_worker"), outcomes)


async def execute_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Record that bodies succeeded and callbacks are outstanding; returns the ids that were ours."""
    columns = ("id", "attempt", "response", "response_body", "duration_ms")
    return await _apply(db, "execute_jobs", node_id, columns, outcomes)


async def _apply(
    db: Fetcher, statement: str, node_id: int, columns: Sequence[str], outcomes: Sequence[Outcome], **more: int
) -> set[int]:
    rows = [tuple(getattr(outcome, column) for column in columns) for outcome in outcomes]
    return {row[0] for row in await db.fetch(statement, node_id=node_id, outcomes=Table(columns, rows), **more)}


async def cancel_jobs(
    db: Fetcher, ids: Sequence[int], counter: int, error_code: str, error: str, *, ask_running: bool
) -> tuple[set[int], set[int]]:
    """Cancel jobs: those that have not started end here; the nodes of running ones may be asked to stop them.

    Returns:
        The ids that have ended, and those that were asked. A row that somebody else has locked is in neither.
    """
    rows = await db.fetch(
        "cancel_jobs", ids=ids, counter=counter, error_code=error_code, error=error, ask_running=ask_running
    )
    return {row[0] for row in rows if row[1] == "cancelled"}, {row[0] for row in rows if row[1] == "started"}


async def requeue_jobs(db: Fetcher, ids: Sequence[int], counter: int) -> tuple[list[Ready], list[int]]:
    """Bring failed or cancelled jobs back; those that may run now, and the ids of those that wait for parents."""
    rows = await db.fetch("requeue_jobs", ids=ids, counter=counter)
    ready = [Ready(row[1], row[2], row[3] is not None, True) for row in rows if row[4] == "queued"]
    return ready, [row[0] for row in rows if row[4] != "queued"]
