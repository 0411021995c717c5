"""Query-plan guards: the hot statements keep to their indexes at 50,000 rows, whatever the statistics say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.postgres.database import PostgresDatabase
from dbjobs.store.transactions.partitions import make_partitions
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = [pytest.mark.dialect("postgres"), pytest.mark.fresh]


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
    "resolve_children": {"background_job_pkey", "background_job_unresolved"},
    "find_dependency_work": {"background_job_unresolved"},
    "explain_job": {f"background_job_{index}" for index in ("ready", "lane", "node")},
    "find_jobs": {"background_job_pkey"},
    "list_family": {"background_job_pkey"},
    "find_heads": {"background_job_ready", "background_job_lane"},
    "sample_waits": {"background_job_pkey"},
    "list_workers": {"background_job_node", "background_job_lane"},
    "list_jobs": {"background_job_pkey"},
    "list_tagged": {"background_job_tag"},
    "list_batch": {"background_job_batch"},
    "pulse": {f"background_job_{index}" for index in ("pkey", "node", "due")},
    "pulse_jobs": {"background_job_pkey"},
    "count_live": {f"background_job_{index}" for index in ("ready", "lane", "due", "node", "waiting")},
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
        if kind == "Tid Scan":  # rows that the statement has just found by an index, and no others
            assert node["TID Cond"].startswith("(ctid = ANY ("), f"{statement}: {node['TID Cond']}"
            continue
        assert kind in ("Index Scan", "Index Only Scan"), f"{statement}: {kind} of background_job"
        used.add(node["Index Name"])
        if node["Index Name"] == "background_job_pkey" and statement != "find_held":
            assert "Index Cond" in node, f"{statement}: walks the whole primary key"
    assert used, f"{statement} does not look into background_job at all"
    assert used <= GUARDED[statement], f"{statement} goes through {used - GUARDED[statement]}"


async def test_plans_made_on_an_empty_table_are_good_at_50_000_rows(url: str) -> None:
    # They are the plans that prepared statements keep: made while nothing was known, used when the table is full.
    async with opened(url) as db:
        for statement in GUARDED:
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


# Five months of history with 10,000 jobs each, of which every thousandth has a tag and a batch.
MONTHS = 5
FILL_HISTORY = f"""
INSERT INTO dbjobs.completed_job (id, queue, priority, depends_on_policy, created_at, request_type, command, state,
    completed_at, retry_limit, on_failure, attempt, attempt_base, timeout_seconds, tag, batch_id)
SELECT n, 'default', 0, 'completed',
    date_trunc('month', now()) - (({ROWS} - n) / {ROWS // MONTHS}) * interval '1 month',
    'command', 'noop', 'completed', now(), 0, 'block', 1, 0, 0, CASE WHEN n % 1000 = 0 THEN 'rare' END,
    CASE WHEN n % 1000 = 0 THEN 'rare' END
FROM generate_series(1, {ROWS}) n
"""


@asynccontextmanager
async def with_history(url: str) -> AsyncIterator[PostgresDatabase]:
    async with opened(url) as db:
        now = datetime.now(UTC)
        months = [
            f"{at // 12:04}{at % 12 + 1:02}" for at in range(now.year * 12 + now.month - 6, now.year * 12 + now.month)
        ]
        await make_partitions(db, months)
        await Raw("postgres", url).rows(FILL_HISTORY)
        yield db


async def visited(db: PostgresDatabase, statement: str, **parameters: Any) -> int:
    """How many rows a statement's scans read, those that a filter threw away included."""
    prepared = db.statements[statement]
    async with db.transaction() as session:
        values = db.binding.bind(prepared.parameters, parameters)
        row = await session.connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {prepared.text}", *values)
    read = [node for node in nodes(json.loads(row)[0]["Plan"]) if "Relation Name" in node]
    return int(
        sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in read)
    )


ASKED = {
    "before_id": 2**63 - 1, "limit": 50, "live": True, "completed": True, "failed": True, "state": None,
    "queue": None, "worker": None, "command": None, "user_id": None, "tag": None, "batch_id": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "asked", "most"),
    [
        ("list_jobs", {}, 60),
        ("list_jobs", {"before_id": ROWS // 2}, 60),
        ("list_tagged", {"tag": "rare"}, 60),
        ("list_batch", {"batch_id": "rare"}, 60),
        ("list_tagged", {"tag": "nobody's"}, 0),
    ],
)
async def test_a_page_of_the_list_visits_a_page_of_rows(
    url: str, statement: str, asked: dict[str, Any], most: int
) -> None:
    async with with_history(url) as db:
        assert await visited(db, statement, **{**ASKED, **asked}) <= most
        for node in nodes(await generic_plan(db, statement)):  # and so does the plan that is kept
            if node.get("Relation Name", "").startswith(("completed_job", "failed_job")):
                assert node["Node Type"] == "Index Scan"
                assert node["Scan Direction"] == "Backward"


async def test_a_count_visits_no_more_rows_than_its_bound(url: str) -> None:
    async with opened(url) as db:
        await Raw("postgres", url).rows(FILL)
        assert await visited(db, "count_live", bound=100) <= 5 * 100


async def test_a_family_visits_its_ids(url: str) -> None:
    async with with_history(url) as db:
        near = {"parent_id": ROWS // 2 - 1, "from_id": ROWS // 2, "before_id": ROWS // 2 + 300, "most": 500}
        assert await visited(db, "list_family", **near) <= 300


@pytest.mark.parametrize("asked", [{}, {"command": "rare"}, {"error_has": "x"}, {"args_has": "x"}, {"state": "failed"}])
async def test_a_slice_of_a_search_visits_its_ids(url: str, asked: dict[str, Any]) -> None:
    everything = ASKED | dict.fromkeys(("error_code", "created_by", "parent_id"))
    everything |= dict.fromkeys(("error_has", "request_has", "response_has", "args_has", "meta_has"))
    async with with_history(url) as db:
        slice_ = {"from_id": ROWS // 2, "before_id": ROWS // 2 + 300, "most": 500}
        assert await visited(db, "find_jobs", **{**everything, **asked, **slice_}) <= 300
        for node in nodes(await generic_plan(db, "find_jobs")):
            if node.get("Relation Name", "").startswith(("completed_job", "failed_job")):
                assert node["Node Type"] == "Index Scan"
                assert "Index Cond" in node


async def test_an_explanation_visits_no_more_rows_than_its_bound(url: str) -> None:
    async with opened(url) as db:
        await Raw("postgres", url).rows(FILL)
        for worker in (None, "lane 5"):
            asked = {"id": ROWS, "queue": "default", "priority": 5, "worker": worker, "bound": 100}
            assert await visited(db, "explain_job", **asked) <= 4 * 100


async def test_a_count_of_nothing_does_not_read_the_dead(url: str) -> None:
    async with opened(url) as db:
        raw = Raw("postgres", url)
        await raw.rows("ALTER TABLE dbjobs.background_job SET (autovacuum_enabled = off)")
        await raw.rows(FILL)
        await raw.rows("DELETE FROM dbjobs.background_job")
        assert await repository.count_live(db, ROWS) == {}  # marks the dead entries
        prepared = db.statements["count_live"]
        async with db.transaction() as session:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {prepared.text}"
            plan = json.loads(await session.connection.fetchval(explain, ROWS))[0]["Plan"]
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        (heap,) = (await raw.rows("SELECT pg_relation_size('dbjobs.background_job') / 8192"))[0]
        assert pages < heap / 3, f"{pages} pages read; the table has {heap}"


async def test_the_guard_notices_a_scan(url: str) -> None:
    async with opened(url) as db:
        bad = {"Node Type": "Seq Scan", "Relation Name": "background_job"}
        with pytest.raises(AssertionError, match="Seq Scan of background_job"):
            check("finish_jobs", {"Node Type": "Hash Join", "Plans": [bad]})
        assert db.dialect == "postgres"
