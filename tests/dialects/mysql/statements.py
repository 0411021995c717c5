"""Statements of MySQL and MariaDB as tests run them: past the engine, on a client that does not wait for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from dbjobs import Jobs
from dbjobs.store.database import Database, make_database
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Table

# What waits for an open transaction waits until it ends: far longer than a loaded machine takes for a statement.
PATIENCE_SECONDS = 6
QUEUE = "q"
OUTCOME = ("id", "attempt", "state", "response", "response_body", "duration_ms", "error_code", "error", "failure",
           "progress", "status", "release_worker")  # fmt: skip


@asynccontextmanager
async def impatient(url: str) -> AsyncIterator[Database]:
    """A client that gives up what takes longer than PATIENCE_SECONDS."""
    async with Jobs(url):  # makes the tables
        pass
    opened = make_database(f"{url}?command_timeout={PATIENCE_SECONDS}")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def insert(session: Any, count: int = 1, **fields: Any) -> list[int]:
    jobs = [NewJob(queue=QUEUE, command="c", **fields)] * count
    return [row[0] for row in await session.fetch("insert_jobs", jobs=Table.of(jobs), notices=())]


async def claim(db: Database, node: int, room: int = 100) -> list[Any]:
    wanted = Table(("queue", "slots", "after_priority", "after_id"), [(QUEUE, room, -(2**31), 0)])
    return list(await db.fetch("claim_jobs", node_id=node, wanted=wanted, room=room, commands=["c"]))


async def claim_lanes(db: Database, node: int) -> list[Any]:
    return list(
        await db.fetch("claim_lanes", node_id=node, after_worker="", lanes=10, run_length=10, scan_limit=100,
                       queues=[QUEUE], all_but=False, commands=["c"])
    )  # fmt: skip


async def finish(
    db: Database, node: int, jobs: Sequence[Any], state: str = "completed", *, release: bool = True
) -> set[int]:
    rows = [(job[0], job[1], state, *(None,) * 8, release) for job in jobs]
    done = await db.fetch("finish_jobs", node_id=node, counter=node, outcomes=Table(OUTCOME, rows))
    return {row[0] for row in done}


async def cancel(db: Database, ids: Sequence[int]) -> dict[int, str]:
    rows = await db.fetch(
        "cancel_jobs", ids=ids, error_code="c", error="e", counter=-7, ask_running=True, expired=False
    )
    return {row[0]: row[1] for row in rows}
