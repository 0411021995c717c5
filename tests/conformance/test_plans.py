"""Query-plan guards: the hot statements keep to their indexes at 50,000 rows, whatever the statistics say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store.database import make_database
from dbjobs.store.postgres import PostgresDatabase
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = pytest.mark.dialect("postgres")


@pytest.fixture(autouse=True)
def sessions_of_our_own(target: Target) -> None:
    if target.is_pooled:
        pytest.skip("a pooler takes no settings, so the planner's are the server's")


ROWS = 50_000
GUARDED = {
    "claim_jobs": {"background_job_ready", "background_job_pkey"},
    "claim_lanes": {"background_job_lane", "background_job_pkey"},
    "skip_lanes": {"background_job_lane"},
    "find_ready_queues": {"background_job_ready"},
    "find_unknown": {"background_job_ready", "background_job_lane"},
    "finish_jobs": {"background_job_pkey"},
    "retry_jobs": {"background_job_pkey"},
    "hand_back_jobs": {"background_job_pkey"},
    "execute_jobs": {"background_job_pkey"},
    "update_progress": {"background_job_pkey"},
    "insert_logs": {"background_job_pkey"},
    "promote_jobs": {"background_job_due", "background_job_pkey"},
    "next_due": {"background_job_due"},
    "find_parents": {"background_job_pkey"},
    "cancel_jobs": {"background_job_pkey"},
    "get_jobs": {"background_job_pkey"},
    "find_expired": {"background_job_expiry"},
    "find_cancel_requests": {"background_job_cancel"},
    "find_held": {"background_job_node", "background_job_pkey"},
    "release_children": {"background_job_pkey"},
    "resolve_children": {"background_job_pkey"},
    "find_dependency_work": {"background_job_unresolved"},
}
FILL = f"""
INSERT INTO dbjobs.background_job (command, queue, worker, state, run_after, expires_at)
SELECT 'noop', 'default', CASE WHEN n % 5 = 0 THEN 'lane ' || n % 1000 END,
    CASE WHEN n % 7 = 0 THEN 'scheduled' ELSE 'queued' END,
    CASE WHEN n % 7 = 0 THEN now() + interval '1 day' END,
    CASE WHEN n % 11 = 0 THEN now() + interval '1 day' END
FROM generate_series(1, {ROWS}) n
"""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresDatabase]:
    async with Jobs(url):  # makes the tables
        pass
    db = make_database(url)
    assert isinstance(db, PostgresDatabase)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def generic_plan(db: PostgresDatabase, statement: str) -> dict[str, Any]:
    """The plan that a prepared statement keeps, on a connection with the library's own settings."""
    prepared = db.statements[statement]
    async with db.transaction() as session:
        connection = session.connection
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE guarded AS {prepared.text}")
        try:
            nulls = ", ".join(["NULL"] * len(prepared.parameters))
            call = f"EXECUTE guarded({nulls})" if nulls else "EXECUTE guarded"
            row = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {call}")
        finally:
            await connection.execute("DEALLOCATE guarded")
    plan: dict[str, Any] = json.loads(row)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def check(statement: str, plan: dict[str, Any]) -> None:
    """Into background_job only through the indexes named above, each with an index condition or in its order."""
    used = set()
    for node in nodes(plan):
        if node.get("Relation Name") != "background_job" or node["Node Type"] in ("ModifyTable", "LockRows"):
            continue
        kind = node["Node Type"]
        assert kind in ("Index Scan", "Index Only Scan"), f"{statement}: {kind} of background_job"
        used.add(node["Index Name"])
        if node["Index Name"] == "background_job_pkey" and statement != "find_held":
            assert "Index Cond" in node, f"{statement}: walks the whole primary key"
    assert used, f"{statement} does not look into background_job at all"
    assert used <= GUARDED[statement], f"{statement} goes through {used - GUARDED[statement]}"


@pytest.mark.parametrize("statement", GUARDED)
async def test_a_plan_made_on_an_empty_table_is_good_at_50_000_rows(url: str, statement: str) -> None:
    # It is the plan that a prepared statement keeps: made while nothing was known, used when the table is full.
    async with opened(url) as db:
        check(statement, await generic_plan(db, statement))


async def test_plans_keep_to_their_indexes_at_50_000_rows(url: str) -> None:
    async with opened(url) as db:
        raw = Raw("postgres", url)
        await raw.rows(FILL)
        await raw.rows("ANALYZE dbjobs.background_job")  # every node_id is NULL: the node index looks empty
        for statement in GUARDED:
            check(statement, await generic_plan(db, statement))


async def test_plans_keep_to_their_indexes_while_all_jobs_run(url: str) -> None:
    async with opened(url) as db:
        raw = Raw("postgres", url)
        await raw.rows(FILL)
        await raw.rows("UPDATE dbjobs.background_job SET state = 'started', node_id = 1, attempt = 1")
        await raw.rows("ANALYZE dbjobs.background_job")
        for statement in GUARDED:
            check(statement, await generic_plan(db, statement))


async def test_a_claim_starts_where_the_last_one_ended(url: str) -> None:
    """The place is an index condition, not a filter: dead entries in front of it cost nothing."""
    async with opened(url) as db:
        await Raw("postgres", url).rows(FILL)
        plan = await generic_plan(db, "claim_jobs")
        (ready,) = [node for node in nodes(plan) if node.get("Index Name") == "background_job_ready"]
        assert "ROW(c.priority, c.id) >" in ready["Index Cond"].replace("ROW(priority, id)", "ROW(c.priority, c.id)")


async def test_the_guard_notices_a_scan(url: str) -> None:
    async with opened(url) as db:
        bad = {"Node Type": "Seq Scan", "Relation Name": "background_job"}
        with pytest.raises(AssertionError, match="Seq Scan of background_job"):
            check("finish_jobs", {"Node Type": "Hash Join", "Plans": [bad]})
        assert db.dialect == "postgres"
