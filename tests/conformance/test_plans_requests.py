"""The request log at 20,000 rows a month: a look reads what it was told to look at, whatever it looks for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import msgspec
import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.database import Database, make_database
from dbjobs.store.postgres.database import PostgresDatabase
from dbjobs.store.repository.requests import Look
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions.requests import make_request_months
from tests.conformance.raw import Raw
from tests.conformance.test_plans import nodes
from tests.conformance.test_plans_mysql import EACH, rows_read
from tests.servers import Target

MONTH = "202603"
LOOK = 100
ROWS = 20_000
_COLUMNS = (
    "at, tie, method, path, route, status_code, status_class, duration_ms, user_id, ip, request_bytes, response_bytes"
)
_STAT = (
    "kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min, "
    "request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms, "
    "under_hundred_ms, under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, "
    "slower"
)
_SUMS = ", ".join(["1"] * 18)
# Of a thousand rows one is of this user, address and route, and an error.
_RARE = "CASE WHEN n % 1000 = 0 THEN {} ELSE {} END"
_ROUTE, _USER, _IP, _KIND = (
    _RARE.format(f"'{rare}'", f"'{common}'")
    for rare, common in (("/rare", "/"), ("ann", "bob"), ("9.9.9.9", "1.1.1.1"), ("route", "ip"))
)
_VALUES = f"'GET', '/', {_ROUTE}, 200, {_RARE.format(5, 2)}, 1, {_USER}, {_IP}, 0, 0"
_SERIES = f"generate_series(1, {ROWS}) n"
FILL = {
    "postgres": (
        f"INSERT INTO dbjobs.request_log ({_COLUMNS}) "
        f"SELECT timestamptz '2026-03-01 00:00:00+00' + n * interval '1 second', n, {_VALUES} FROM {_SERIES}",
        f"INSERT INTO dbjobs.request_stat ({_STAT}) SELECT {_KIND}, '', "
        f"timestamptz '2026-03-01 00:00:00+00' + n % 700 * interval '1 hour', n::text, '', 1, {_SUMS} FROM {_SERIES}",
    ),
    "mysql": (
        f"INSERT INTO dbjobs.request_log ({_COLUMNS}, month) "
        f"SELECT '2026-03-01 00:00:00' + INTERVAL n SECOND, n, {_VALUES}, {MONTH} FROM {EACH} WHERE n < {ROWS}",
        f"INSERT INTO dbjobs.request_stat ({_STAT}, month) SELECT {_KIND}, '', "
        f"'2026-03-01 00:00:00' + INTERVAL n % 700 HOUR, n, '', 1, {_SUMS}, {MONTH} FROM {EACH} WHERE n < {ROWS}",
    ),
    "sqlite": (
        f"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) "
        f"INSERT INTO request_log ({_COLUMNS}) "
        f"SELECT strftime('%Y-%m-%d %H:%M:%f000', '2026-03-01', n || ' seconds'), n, {_VALUES} FROM c",
    ),
}
# What is looked for -> the index that serves it.
LOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "time": ({"method": "PUT"}, "pkey"),
    "route": ({"route": "/rare"}, "route"),
    "user_id": ({"user_id": "ann"}, "user"),
    "ip": ({"ip": "9.9.9.9"}, "ip"),
    "status": ({"status_class": 5}, "status"),
}


def look(by: str) -> Look:
    return Look(
        month=MONTH, since="2026-03-01 00:00:00.000000", before_at="2026-03-31 00:00:00.000000", before_tie=0, by=by,
        look=LOOK, limit=LOOK, **LOOKS[by][0],
    )  # fmt: skip


@asynccontextmanager
async def filled(url: str, raw: Raw, target: Target) -> AsyncIterator[Database]:
    async with Jobs(url):
        pass
    db = make_database(url)
    await db.open()
    try:
        await make_request_months(db, [MONTH, "202604"])
        for statement in FILL[target.dialect]:
            if isinstance(db, SqliteDatabase):
                with closing(sqlite3.connect(month_file(db))) as connection, connection:
                    connection.execute(statement)
            else:
                await raw.rows(statement)
        yield db
    finally:
        await db.close()


def month_file(db: SqliteDatabase) -> str:
    return str(db.path.with_name(f"{db.path.stem}-requests-{MONTH}{db.path.suffix}"))


@pytest.mark.dialect("postgres", "mysql", "sqlite")
async def test_a_look_enters_by_one_index_and_reads_no_more_than_it_may(url: str, raw: Raw, target: Target) -> None:
    if target.is_pooled:
        pytest.skip("a pooler takes no settings, so the planner's are the server's")
    async with filled(url, raw, target) as db:
        for by in LOOKS:
            rows = await repository.list_requests(db, look(by))
            assert rows[0]["looked"] == (LOOK if by == "time" else ROWS // 1000), by
            assert len(rows) == (1 if by == "time" else ROWS // 1000), by
            await check_reads(db, by)
        sums: dict[str, Any] = {
            "month": MONTH, "kind": "route", "detail_kind": "", "by_detail": False, "value": None,
            "since": "2026-03-01 00:00:00", "until": "2026-04-01 00:00:00", "limit": 100,
        }  # fmt: skip
        if target.dialect == "mysql":
            async with db.transaction() as session:
                before = await rows_read(session)
                assert len(await repository.list_request_stats(session, **sums)) == ROWS // 1000
                assert await rows_read(session) - before < 500
                before = await rows_read(session)
                assert await repository.pulse_requests(session, MONTH, sums["since"]) == 0
                assert await rows_read(session) - before < 50
        elif isinstance(db, PostgresDatabase):
            chosen = await plan_of(db, "list_request_stats", sums)
            [scan] = [node for node in nodes(chosen) if str(node.get("Relation Name", "")).startswith("request_stat")]
            assert scan["Index Name"] == f"request_stat_{MONTH}_pkey"
            assert "kind" in scan["Index Cond"]
            assert "hour" in scan["Index Cond"]
            chosen = await plan_of(db, "pulse_requests", {"month": MONTH, "since": sums["since"]})
            [scan] = [node for node in nodes(chosen) if node.get("Relation Name") == f"request_stat_{MONTH}"]
            assert "kind" in scan["Index Cond"]
            assert "hour" in scan["Index Cond"]


async def check_reads(db: Database, by: str) -> None:
    wanted = msgspec.structs.asdict(look(by))
    if isinstance(db, SqliteDatabase):
        with closing(sqlite3.connect(month_file(db))) as connection:
            steps = connection.execute(
                f"EXPLAIN QUERY PLAN {db.statements.text('list_requests')}",
                {name: int(value) if isinstance(value, bool) else value for name, value in wanted.items()},
            ).fetchall()
        entered = [row[3] for row in steps if "request_log" in row[3]]
        assert len(entered) == len(LOOKS)
        assert all(" USING INDEX request_log_" in one and "(" in one for one in entered), entered
    elif isinstance(db, PostgresDatabase):
        plan = await plan_of(db, "list_requests", wanted)
        scans = [node for node in nodes(plan) if str(node.get("Relation Name", "")).startswith("request_log")]
        assert {scan["Relation Name"] for scan in scans} == {f"request_log_{MONTH}"}  # the other months are pruned
        run = [scan for scan in scans if scan["Actual Loops"]]
        assert [LOOKS[by][1] in scan["Index Name"] for scan in run] == [True], run
        assert run[0]["Actual Rows"] <= LOOK
        assert run[0].get("Rows Removed by Filter", 0) == 0
    else:
        async with db.transaction() as session:
            before = await rows_read(session)
            await repository.list_requests(session, look(by))
            assert await rows_read(session) - before < 20 * LOOK


async def plan_of(db: PostgresDatabase, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The plan that a prepared statement keeps, run with these values."""
    prepared = db.statements[name]
    values = db.binding.bind(prepared.parameters, wanted)
    async with db.transaction() as session:
        connection = session.connection
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        row = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {prepared.text}", *values)
    plan: dict[str, Any] = json.loads(row)[0]["Plan"]
    return plan


@pytest.mark.dialect("mysql")
async def test_sums_of_one_name_read_no_pairs_of_others(url: str, raw: Raw, target: Target) -> None:
    """20,000 pairs of 100 users and 20 addresses in ten hours; one user and one address have a row of each."""
    base = "'2026-03-01 00:00:00' + INTERVAL {} HOUR"
    hours, own = base.format("n"), base.format("n % 10")
    pair = f"{base.format('n DIV 2000')}, CONCAT('u', n % 100), CONCAT('a', n DIV 100 % 20)"
    rows = {
        f"'user', 'ip', {pair}": 20_000,
        f"'user', '', {own}, CONCAT('u', n DIV 10), ''": 1_000,
        f"'day', '', {hours}, '2026-03-01', ''": 10,
    }
    async with Jobs(url):
        pass
    db = make_database(url)
    await db.open()
    try:
        await make_request_months(db, [MONTH])
        for chosen, most in rows.items():
            await raw.rows(
                f"INSERT INTO dbjobs.request_stat ({_STAT}, month) "
                f"SELECT {chosen}, 1, {_SUMS}, {MONTH} FROM {EACH} WHERE n < {most}"
            )
        period = {"month": MONTH, "since": "2026-03-01 00:00:00", "until": "2026-04-01 00:00:00", "limit": 100}
        for by_detail, value, found, most in ((True, "u7", 20, 2_000), (False, "a7", 100, 10_000)):
            sums = {"kind": "user", "detail_kind": "ip", "by_detail": by_detail, "value": value, **period}
            async with db.transaction() as session:
                before = await rows_read(session)
                assert len(await repository.list_request_stats(session, **sums)) == found
                assert await rows_read(session) - before < most, value
    finally:
        await db.close()
