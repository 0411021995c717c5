"""Jobs put into a file, run and read through the repository, past an engine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dbjobs.store import repository
from dbjobs.store.records import NewJob, Outcome
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import settlement

NO_END = 1 << 62


def new_job(**options: Any) -> NewJob:
    values: dict[str, Any] = dict.fromkeys(NewJob.__struct_fields__)
    values |= {
        "queue": "default",
        "priority": 0,
        "depends_on_policy": "completed",
        "pending": 0,
        "request_type": "command",
        "command": "work",
        "retry_limit": 2,
        "on_failure": "block",
        "timeout_seconds": 60.0,
    }
    return NewJob(**(values | options))


async def enqueue(db: SqliteDatabase, count: int = 1, **options: Any) -> list[int]:
    rows = await repository.insert_jobs(db, [new_job(**options)] * count, ())
    if "ref_id" in options:
        await repository.add_refs(db, [(options["ref_id"], rows[0][0])])
    return [id for id, _ in rows]


async def cancelled(db: SqliteDatabase, ids: list[int]) -> set[int]:
    return (await repository.cancel_jobs(db, ids, -1, "cancelled", "no longer wanted", ask_running=False))[0]


async def claim(db: SqliteDatabase, node_id: int, count: int = 100) -> list[Outcome]:
    """Claim, and the outcomes that complete what was claimed."""
    claimed = await repository.claim_jobs(db, node_id, [("default", count, -1000, 0)], count, ["work"])
    return [Outcome(id=c.id, attempt=c.attempt, kind="completed", response_body='"ok"') for c in claimed]


async def make_node(db: SqliteDatabase) -> int:
    return await repository.register_node(db, "node", 60.0, "{}")


async def run_all(db: SqliteDatabase) -> list[int]:
    """Run everything that is ready on a node of its own; the ids."""
    node_id = await make_node(db)
    outcomes = await claim(db, node_id)
    assert not (await settlement.settle(db, node_id, outcomes)).lost
    return [outcome.id for outcome in outcomes]


async def listed(db: SqliteDatabase, **where: Any) -> list[tuple[int, str]]:
    rows = await repository.list_jobs(db, before_id=NO_END, limit=1000, **where)
    return [(row.id, str(row.state)) for row in rows]


def rows_of(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(statement).fetchall()
