"""Outcomes of claimed jobs, and ends of those that never start."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from dbjobs.store.records import Moved, Outcome, Ready
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

# A column of the statement -> the field that fills it.
_FINISH = {
    "state" if name == "kind" else name: attrgetter(name)
    for name in (
        "id", "attempt", "kind", "response", "response_body", "duration_ms", "error_code", "error", "failure",
        "progress", "status", "release_worker",
    )
}  # fmt: skip
FINISH_COLUMNS = tuple(_FINISH)


async def finish_jobs(db: Fetcher, node_id: int, counter: int, outcomes: Sequence[Outcome]) -> Moved:
    """Move ended jobs to history; returns those that were ours."""
    # Column by column: a tuple for each job would be one more thing for the garbage collector to look at.
    columns: dict[str, Sequence[Any]] = {name: [*map(field, outcomes)] for name, field in _FINISH.items()}
    if True not in columns["release_worker"]:
        columns["release_worker"] = [None] * len(outcomes)  # a column without values is not sent
    moved = await db.fetch("finish_jobs", node_id=node_id, counter=counter, outcomes=Table.turned(columns))
    return Moved([row[0] for row in moved], [row[0] for row in moved if row[1]])


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
    db: Fetcher,
    ids: Sequence[int],
    counter: int,
    error_code: str,
    error: str,
    *,
    ask_running: bool,
    expired: bool = False,
) -> tuple[set[int], set[int]]:
    """Cancel jobs: those that have not started end here; the nodes of running ones may be asked to stop them.

    Args:
        expired: only those that were to start by now and have not.

    Returns:
        The ids that have ended, and those that were asked. A row that somebody else has locked is in neither.
    """
    rows = await db.fetch(
        "cancel_jobs",
        ids=ids,
        counter=counter,
        error_code=error_code,
        error=error,
        ask_running=ask_running,
        expired=expired,
    )
    return {row[0] for row in rows if row[1] == "cancelled"}, {row[0] for row in rows if row[1] == "started"}


async def requeue_jobs(
    db: Fetcher, ids: Sequence[int], counter: int, *, as_they_were: bool = False
) -> tuple[list[Ready], list[int]]:
    """Bring failed or cancelled jobs back; returns those that wait for no parent, and the ids of those that do.

    Args:
        as_they_were: not to run now, but as they waited when they were cancelled, each at its own time.
    """
    rows = await db.fetch("requeue_jobs", ids=ids, counter=counter, as_they_were=as_they_were)
    ready = [Ready(row[1], row[2], row[3] is not None, True) for row in rows if row[4] != "waiting"]
    return ready, [row[0] for row in rows if row[4] == "waiting"]
