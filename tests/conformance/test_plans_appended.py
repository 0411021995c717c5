"""Query-plan guards for tables that are only appended to (keys, ends of parents, edges, batches), and history by id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.raw import Raw
from tests.conformance.test_plans import generic_plan, nodes, opened
from tests.servers import Target

pytestmark = [pytest.mark.dialect("postgres"), pytest.mark.fresh]


@pytest.fixture(autouse=True)
def sessions_of_our_own(target: Target) -> None:
    if target.is_pooled:
        pytest.skip("a pooler takes no settings, so the planner's are the server's")


EDGES = {"job_dependency_pkey", "job_dependency_child"}
BATCHES = {"job_batch_pkey", "job_batch_batch"}
PARENTS = {"ended_parent_pkey"}
# Statement -> the indexes through which it may enter these tables, each with a condition on its key.
GUARDED = {
    "find_refs": {"job_ref_pkey"},
    "forget_refs": {"job_ref_pkey", "job_ref_month"},
    "finish_jobs": PARENTS,
    "cancel_jobs": EDGES,
    "resolve_children": EDGES,
    "release_children": EDGES | PARENTS,
    "requeue_jobs": EDGES | PARENTS,
    "find_parents": set[str](),
    "get_batch": BATCHES,
    "fold_batches": BATCHES | {"job_batch_loose"},
    "drop_batches": BATCHES | {"job_batch_over"},
    "find_dependency_work": PARENTS,
}
# Read from one end, a page at a time: the index is the order, and holds only what there is to do.
IN_ORDER = {"job_batch_loose", "job_batch_over", "ended_parent_pkey"}
APPENDED = {"job_ref", "ended_parent", "job_dependency", "job_batch"}
FILL = (
    """
    INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
    SELECT 'ref ' || n, n, '2026' || lpad((n % 12 + 1)::text, 2, '0') FROM generate_series(1, 50000) n
    """,
    "INSERT INTO dbjobs.job_dependency (parent_id, child_id) SELECT n / 10, n FROM generate_series(1, 50000) n",
    "INSERT INTO dbjobs.ended_parent (parent_id, state) SELECT n, 'completed' FROM generate_series(1, 50000) n",
    """
    INSERT INTO dbjobs.job_batch (batch_id, total, completed, folded)
    SELECT 'batch ' || n / 5, 1, n % 2, n % 5 <> 0 FROM generate_series(1, 50000) n
    """,
    *(f"ANALYZE dbjobs.{table}" for table in sorted(APPENDED)),
)


def check(statement: str, plan: dict[str, Any]) -> None:
    """Into these tables, and into the months of history, only through an index and with a condition on it."""
    seen = False
    for node in nodes(plan):
        relation = node.get("Relation Name", "")
        of_history = relation.startswith(("completed_job", "failed_job"))
        if not (of_history or relation in APPENDED) or node["Node Type"] in ("ModifyTable", "LockRows"):
            continue
        seen = True
        assert node["Node Type"] in ("Index Scan", "Index Only Scan"), f"{statement}: {node['Node Type']} of {relation}"
        index = node["Index Name"]
        assert index in GUARDED[statement] or (of_history and index.endswith("_pkey")), f"{statement}: goes by {index}"
        if index not in IN_ORDER:
            assert "Index Cond" in node, f"{statement}: walks the whole of {index}"
    assert seen or statement == "finish_jobs", f"{statement} reads none of them"


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_appended_tables_are_entered_by_key(url: str, filled: bool) -> None:
    async with opened(url) as db:
        for statement in FILL if filled else ():
            await Raw("postgres", url).rows(statement)
        for name in GUARDED:
            check(name, await generic_plan(db, name))


async def test_the_guard_notices_a_scan_of_edges() -> None:
    for node in ({"Node Type": "Seq Scan"}, {"Node Type": "Index Scan", "Index Name": "job_dependency_pkey"}):
        with pytest.raises(AssertionError):
            check(
                "release_children", {"Node Type": "Hash Join", "Plans": [{"Relation Name": "job_dependency", **node}]}
            )
