"""Each read of a transfer goes on behind a key in the order of an index: it sorts nothing and walks no table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store.database import make_database
from dbjobs.store.mysql.database import MysqlDatabase
from dbjobs.store.repository.moving import TABLES, Month, MovedTable, read_page
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions.partitions import make_partitions
from dbjobs.store.transactions.requests import make_request_months
from tests.conformance.raw import Raw
from tests.conformance.test_plans import nodes, opened
from tests.conformance.test_plans_mysql import EACH, rows_read
from tests.conformance.test_plans_requests import plan_of
from tests.servers import Target

READS = [(name, table) for table in TABLES for name in (table.size, table.read) if name is not None]
MONTHS = ["202603", "202604"]
MARCH = Month("202603", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
PAGE = 50
ROWS = 5_000


def check_postgres(name: str, plan: dict[str, Any]) -> None:
    scans = 0
    for node in nodes(plan):
        if node.get("Strategy") == "Sorted":  # groups in the order of an index: it reads on as far as the limit asks
            continue
        assert node["Node Type"] in (
            "Limit",
            "Append",
            "Merge Append",
            "Index Scan",
            "Index Only Scan",
            "Result",
            "Unique",
        ), f"{name}: {node['Node Type']}"
        if "Scan" in node["Node Type"]:
            scans += 1
            assert "Index Cond" in node, f"{name} walks the whole of {node['Index Name']}"
    assert scans, name


@pytest.mark.fresh
@pytest.mark.dialect("postgres")
async def test_reads_go_by_their_key_on_postgres(url: str, target: Target) -> None:
    if target.is_pooled:
        pytest.skip("a pooler takes no settings, so the planner's are the server's")
    async with opened(url) as db:
        await make_partitions(db, MONTHS)
        await make_request_months(db, MONTHS)
        for name, table in READS:
            check_postgres(name, await plan_of(db, name, {**table.key, **MARCH._asdict(), "limit": PAGE}))


@pytest.mark.dialect("sqlite")
async def test_reads_go_by_their_key_on_sqlite(url: str) -> None:
    async with Jobs(url):
        pass
    db = make_database(url)
    assert isinstance(db, SqliteDatabase)
    await db.open()
    try:
        for name, table in READS:
            steps = list(sqlite_steps(db, name, table))
            assert steps, name
            for step in steps:
                assert "TEMP B-TREE" not in step, f"{name}: {step}"
                assert not step.startswith("SCAN"), f"{name}: {step}"
    finally:
        await db.close()


def sqlite_steps(db: SqliteDatabase, name: str, table: MovedTable) -> Iterator[str]:
    """What SQLite says of a statement, on the file that it is run on."""
    text = db.statements.text(name)
    statement = text[text.rindex("SELECT") :]
    with closing(sqlite3.connect(db.path if not table.by_month else ":memory:")) as connection:
        if table.by_month:
            month = "make_request_month" if table.part == "requests" else "make_partition"
            connection.executescript(db.statements.text(month))
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(re.findall(r":(\w+)", text))):
            yield row[3]


# Rows of each table that grows: columns and values for the number n.
MYSQL_ROWS = {
    "background_job": ("id, command, queue, state, line", "n + 1, 'c', 'q', 'queued', 'q:q'"),
    "completed_job": (
        "id, command, queue, state, priority, created_at, created_month, completed_at",
        "n + 1, 'c', 'q', 'completed', 0, '2026-03-02', 202603, '2026-03-02'",
    ),
    "failed_job": (
        "id, command, queue, state, priority, created_at, created_month, completed_at",
        "n + 1, 'c', 'q', 'failed', 0, '2026-03-02', 202603, '2026-03-02'",
    ),
    "job_log": ("job_id, id, created_month, at, level, message", "n DIV 5, n + 1, 202603, '2026-03-02', 'i', 'm'"),
    "job_ref": ("ref_id, job_id, month", "CONCAT('ref ', n), n, 202603"),
    "job_dependency": ("parent_id, child_id", "n DIV 5, n + 1"),
    "ended_parent": ("parent_id, state", "n + 1, 'completed'"),
    "job_batch": ("batch_id, total", "CONCAT('batch ', n), 1"),
    "job_worker": ("worker, blocked_by", "CONCAT('lane ', n), n + 1"),
    "job_stat": ("minute, queue, command, counter", "'2026-03-02' + INTERVAL n MINUTE, 'q', 'c', 1"),
    "request_log": (
        "at, tie, method, path, status_code, status_class, duration_ms, month",
        "'2026-03-01' + INTERVAL n SECOND, n, 'GET', '/', 200, 2, 1, 202603",
    ),
}


@pytest.mark.fresh
@pytest.mark.dialect("mysql")
async def test_reads_go_by_their_key_on_mysql(url: str, raw: Raw) -> None:
    async with Jobs(url):
        pass
    db = make_database(url)
    assert isinstance(db, MysqlDatabase)
    await db.open()
    try:
        await make_partitions(db, MONTHS)
        await make_request_months(db, MONTHS)
        for table in TABLES:
            if table.name not in MYSQL_ROWS:
                continue
            columns, values = MYSQL_ROWS[table.name]
            await raw.rows(
                f"INSERT IGNORE INTO dbjobs.{table.name} ({columns}) SELECT {values} FROM {EACH} WHERE n < {ROWS}"
            )
            after = tuple(table.key.values())
            async with db.transaction() as session:
                for _ in range(3):
                    before = await rows_read(session)
                    page = await read_page(session, table, MARCH if table.by_month else None, after, 4_000_000, PAGE)
                    read = await rows_read(session) - before
                    assert len(page.rows) == PAGE, table.name
                    assert read < 20 * PAGE, f"{table.name}: {read} rows read for {PAGE}"
                    after = page.after
    finally:
        await db.close()
