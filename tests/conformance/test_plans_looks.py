"""Looks by the clock and housekeeping read what is due or old, not what lies ahead, at 50,000 rows.

An index helps a look by the clock only if its moment is stable within the statement: ``clock_timestamp()`` is not, and
a comparison with it is a filter over the whole index.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.raw import Raw
from tests.conformance.test_plans import generic_plan, nodes, opened, visited
from tests.servers import Target

pytestmark = [pytest.mark.dialect("postgres"), pytest.mark.fresh]


@pytest.fixture(autouse=True)
def sessions_of_our_own(target: Target) -> None:
    if target.is_pooled:
        pytest.skip("a pooler takes no settings, so the planner's are the server's")


ROWS = 50_000
# Statement -> the index through which it looks, by a condition on its key.
GUARDED = {
    "promote_jobs": "background_job_due",
    "find_expired": "background_job_expiry",
    "find_due_tasks": "scheduled_task_due",
    "pulse": "job_stat_pkey",
    "list_stats": "job_stat_pkey",
    "find_retries_ahead": "job_stat_pkey",
    "drop_batches": "job_batch_over",
    "find_unused_queues": "job_queue_used",
    "drop_queues": "job_queue_pkey",
    "add_queues": "job_queue_pkey",
    "list_live_queues": "background_job_pkey",
    "pull_in_retries": "background_job_pkey",
}
SMALL = {"scheduled_task", "audit"}  # a few hundred rows
FILL = (
    f"""
    INSERT INTO dbjobs.background_job (command, queue, state, run_after, expires_at, attempt, last_activity_at)
    SELECT 'noop', 'q' || n % 7, 'scheduled', now() + n * interval '1 minute', now() + n * interval '1 minute', n % 2,
        now()
    FROM generate_series(1, {ROWS}) n
    """,
    f"""
    INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed, retried)
    SELECT date_trunc('minute', now()) - n * interval '1 minute', 'q', 'c', 0, 1, 1 FROM generate_series(3, {ROWS}) n
    """,
    f"""
    INSERT INTO dbjobs.job_batch (batch_id, total, completed, folded)
    SELECT 'batch ' || n, 1, 1, true FROM generate_series(1, {ROWS}) n
    """,
    f"INSERT INTO dbjobs.job_queue (queue) SELECT 'tenant ' || n FROM generate_series(1, {ROWS}) n",
    *(f"ANALYZE dbjobs.{table}" for table in ("background_job", "job_stat", "job_batch", "job_queue")),
)


def check(statement: str, plan: dict[str, Any]) -> None:
    index = GUARDED[statement]
    found = [node for node in nodes(plan) if node.get("Index Name") == index]
    assert found, f"{statement} does not go through {index}"
    for node in found:
        assert "Index Cond" in node, f"{statement} walks the whole of {index}"
    scanned = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert scanned <= SMALL, f"{statement} walks {scanned - SMALL}"


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_looks_by_time_are_conditions_of_their_indexes(url: str, filled: bool) -> None:
    async with opened(url) as db:
        for statement in FILL if filled else ():
            await Raw("postgres", url).rows(statement)
        for name in GUARDED:
            check(name, await generic_plan(db, name))


async def test_what_lies_ahead_costs_a_look_nothing(url: str) -> None:
    """Nothing is due, over or unused: nodes ask twice a second, with a million jobs scheduled for next week."""
    async with opened(url) as db:
        for statement in FILL:
            await Raw("postgres", url).rows(statement)
        month = 30 * 86400.0
        assert await visited(db, "promote_jobs", limit=1000) == 0
        assert await visited(db, "find_expired", limit=1000) == 0
        assert await visited(db, "find_retries_ahead") == 0
        assert await visited(db, "list_stats", seconds=60.0) == 0
        assert await visited(db, "drop_batches", seconds=month) == 0
        assert await visited(db, "find_unused_queues", seconds=month, limit=100) == 0
        assert await visited(db, "drop_queues", queues=["tenant 1", "tenant 2"], seconds=month) <= 2
        assert await visited(db, "list_live_queues", after_id=0, limit=100) == 100
        assert await visited(db, "pull_in_retries", step_seconds=1.0, after_id=0, limit=100) <= 100
        assert await visited(db, "pulse", after_id=ROWS) <= 5


async def test_log_lines_behind_the_end_of_a_job_look_nothing_up(url: str) -> None:
    async with opened(url) as db:
        read = [node for node in nodes(await generic_plan(db, "append_logs")) if "scan" in node["Node Type"].lower()]
        assert {node["Node Type"] for node in read} <= {"Function Scan", "Subquery Scan", "Values Scan"}


async def test_the_guard_notices_a_moment_that_is_not_stable(url: str) -> None:
    walk = {"Node Type": "Index Scan", "Index Name": "background_job_due", "Filter": "(run_after <= clock_timestamp())"}
    with pytest.raises(AssertionError, match="walks the whole of background_job_due"):
        check("promote_jobs", {"Node Type": "LockRows", "Plans": [walk]})
