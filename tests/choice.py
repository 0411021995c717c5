"""Which of the chosen databases a test runs on.

A test of ``tests/conformance`` runs on the first server of each product: SQLite, PostgreSQL, MySQL, MariaDB, SQL
Server. A second PostgreSQL (another version, or one behind a pooler) runs what its difference can change, as told here.
``DBJOBS_TEST_FULL=1`` runs everything on every server.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tests.servers.fleet import TargetSource

FULL_VARIABLE = "DBJOBS_TEST_FULL"

# Another version has another planner, and perhaps another grammar: the statements run on it, and their plans are looked
# at. What our loops, limits, log lines and errors do with the answers is the same.
OTHER_VERSION: Mapping[str, str] = {
    "test_opening": "migrations",
    "test_plans": "plans of the hot statements",
    "test_plans_appended": "plans of what is appended",
    "test_plans_looks": "plans of looks by time and of housekeeping",
    "test_history": "partitions: made, attached, dropped",
    "test_dead_rows": "vacuum, and what it reads of the server's own tables",
    "test_enqueue_many": "the fastest form of many rows (COPY)",
    "test_enqueue_options": "every column, there and back",
    "test_ref_id": "unique keys under concurrent inserts",
    "test_batches": "counts that are appended and folded",
    "test_dependencies": "edges: waiting, released, cancelled",
    "test_dependency_races": "locks between a parent's end and its children",
    "test_callback": "executed jobs",
    "test_cancel": "cancels by filters",
    "test_requeue": "rows that come back from history",
    "test_reports": "progress and log lines",
    "test_leases": "the heartbeat, the fence, the rescue",
    "test_handlers_transaction": "a completion inside of a handler's transaction",
    "test_callers_transaction": "an enqueue inside of a caller's transaction",
    "test_names": "claims over many queues, skip scans",
    "test_text": "collations",
}
# A pooler shares connections out by transaction: a session keeps no settings, no prepared statements and no locks, and
# hears no notices.
POOLED: Mapping[str, str] = {
    "test_opening": "migrations, and the lock around them",
    "test_listening": "no notices: work is found by polling",
    "test_cancel": "a running job hears of it without a notice",
    "test_enqueue_many": "COPY and arrays without prepared statements; other nodes hear of it by polling",
    "test_enqueue_options": "values of every type without prepared statements",
    "test_ref_id": "locks by a key's name",
    "test_dependency_races": "locks between transactions",
    "test_dead_rows": "a vacuum on a connection of its own",
    "test_handlers_transaction": "a transaction that is held open over a handler",
    "test_callers_transaction": "a caller's transaction that the pooler carries",
    "test_silent_connections": "the pooler's connections end, not the server's",
    "test_lost_answers": "a commit whose answer is lost on its way through the pooler",
    "test_leases": "a heartbeat on a connection that is shared out",
}


def runs_in_full() -> bool:
    """True if every test is to run on every server."""
    return os.environ.get(FULL_VARIABLE, "") not in ("", "0")


def chosen(path: Path, markers: set[str], wanted: Sequence[TargetSource]) -> list[TargetSource]:
    """The servers that a test runs on.

    Args:
        path: of its file, from the root of the project.
        markers: their names: ``once``, ``about_us``.
        wanted: the chosen servers whose dialect the test has, in their order.
    """
    if "once" in markers:
        return list(wanted[:1])
    if {"conformance", "process", "dialects"}.isdisjoint(path.parts):
        # The command line and the demo say the same to every server: the first of each dialect will do.
        return _firsts(wanted, lambda source: source.dialect)
    firsts = _firsts(wanted, lambda source: source.kind)
    if "about_us" in markers or "conformance" not in path.parts:
        return firsts
    return [source for source in wanted if source in firsts or path.stem in _beside(source)]


def _beside(source: TargetSource) -> Iterable[str]:
    """Modules that run on a server that is not the first of its product."""
    return POOLED if source.name == "pgbouncer" else OTHER_VERSION


def _firsts(sources: Sequence[TargetSource], key: Callable[[TargetSource], str]) -> list[TargetSource]:
    firsts = {key(source): source for source in reversed(sources)}
    return [source for source in sources if firsts[key(source)] is source]
