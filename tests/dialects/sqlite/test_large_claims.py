"""A claim of many large jobs does not have to fit into one text of SQLite's."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.repository import Wanted
from dbjobs.store.sqlite.database import SqliteDatabase
from tests.dialects.sqlite.rows import make_node

pytestmark = pytest.mark.dialect("sqlite")

BODY = "x" * 1_000_000
JOBS = 20
# Longer than each job, shorter than all of them: as a billion bytes are for a thousand jobs of a megabyte.
LONGEST_TEXT = 10_000_000


def _limit(connection: sqlite3.Connection, _: Any) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)


@pytest.mark.parametrize("worker", [None, "a lane"])
async def test_jobs_that_are_too_large_for_one_text_are_claimed(
    db: SqliteDatabase, url: str, worker: str | None
) -> None:
    async with Jobs(url) as jobs:

        @jobs.command(name="noop")
        async def noop(request: str) -> None:
            pass

        refs = [await jobs.enqueue(noop, BODY, worker=worker) for _ in range(JOBS)]
    node_id = await make_node(db)
    assert db._writer is not None
    await db._writer.submit(_limit)
    if worker is None:
        wanted: list[Wanted] = [("default", JOBS, -1, 0)]
        claimed = await repository.claim_jobs(db, node_id, wanted, JOBS, ["noop"])
    else:
        claimed, empty = await repository.claim_lanes(
            db, node_id, after_worker="", lanes=1, run_length=JOBS, scan_limit=10, queues=["default"], commands=["noop"]
        )
        assert empty == []
    assert sorted(job.id for job in claimed) == [ref.id for ref in refs]
    assert all(json.loads(job.request_body or "") == BODY for job in claimed)
