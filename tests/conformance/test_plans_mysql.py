"""Rows that hot statements read on MySQL and MariaDB, at 50,000 live rows: as many as they handle, never the table.

Both servers count what a connection reads through its storage engines; a plan that walks the table cannot hide there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.database import Session, make_database
from dbjobs.store.mysql.database import MysqlDatabase
from dbjobs.store.records import LogEntry, NewJob, Outcome, ProgressReport
from dbjobs.store.repository.searching import Slice
from tests.conformance.raw import Raw

pytestmark = [pytest.mark.dialect("mysql"), pytest.mark.fresh]

ROWS = 50_000
HANDLED = 100
# For each row handled: a look-up or two in each of the steps, and the answer packed from it.
READS_PER_ROW = 40
FIXED_READS = 2_000
NUMBERS = "(SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 \
UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
# Of every ten rows six are ready, two wait in one of two lanes, one is scheduled and one waits for another.
FILL = f"""
INSERT INTO dbjobs.background_job (command, queue, worker, state, run_after, expires_at, line)
SELECT 'noop', 'default', worker, state, run_after, expires_at,
    CASE state WHEN 'queued' THEN COALESCE(CONCAT('w:', worker), 'q:default') WHEN 'scheduled' THEN 'due' END
FROM (
    SELECT IF(a.n IN (6, 7), CONCAT('lane ', a.n), NULL) AS worker,
        CASE WHEN a.n < 8 THEN 'queued' WHEN a.n = 8 THEN 'scheduled' ELSE 'waiting' END AS state,
        IF(a.n = 8, UTC_TIMESTAMP(6) + INTERVAL 1 DAY, NULL) AS run_after,
        IF(b.n = 0, UTC_TIMESTAMP(6) + INTERVAL 1 DAY, NULL) AS expires_at
    FROM {NUMBERS} a, {NUMBERS} b, {NUMBERS} c, {NUMBERS} d, {NUMBERS} e
    WHERE e.n < 5
) row_made
"""

# Beside the jobs: keys of this month and of an old one, folded batches and changes of others, edges, minutes.
EACH = (
    f"(SELECT e.n * 10000 + d.n * 1000 + c.n * 100 + b.n * 10 + a.n AS n FROM {NUMBERS} a, {NUMBERS} b, {NUMBERS} c, \
{NUMBERS} d, {NUMBERS} e WHERE e.n < 5) each_number"
)
FILL_BESIDE = (
    "INSERT INTO dbjobs.job_ref (ref_id, job_id, month) SELECT CONCAT('ref ', n), n + 1000000, "
    f"IF(n < 1000, 202001, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())) FROM {EACH}",
    "INSERT INTO dbjobs.job_batch (batch_id, total, completed, folded, folded_at) SELECT CONCAT('batch ', n DIV 5), 5, "
    f"5, IF(n < 49000, 2, 0), IF(n < 49000, UTC_TIMESTAMP(6) - INTERVAL IF(n < 250, 9, 1) DAY, NULL) FROM {EACH}",
    f"INSERT INTO dbjobs.job_dependency (parent_id, child_id) SELECT n + 1000000, n + 2000000 FROM {EACH}",
    "INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed) SELECT DATE_FORMAT(UTC_TIMESTAMP() - "
    f"INTERVAL n MINUTE, '%Y-%m-%d %H:%i:00'), 'q', 'c', 0, 1 FROM {EACH} WHERE n < 2000",
)


@asynccontextmanager
async def filled(url: str, *, analyzed: bool) -> AsyncIterator[MysqlDatabase]:
    async with Jobs(url):  # makes the tables
        pass
    raw = Raw("mysql", url)
    await raw.rows(FILL)
    if analyzed:
        await raw.rows("ANALYZE TABLE dbjobs.background_job")
    db = make_database(url)
    assert isinstance(db, MysqlDatabase)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def rows_read(session: Session) -> int:
    async with session.connection.cursor() as cursor:
        await cursor.execute("SHOW SESSION STATUS LIKE 'Handler\\_read%'")
        return sum(int(count) for _, count in await cursor.fetchall())


async def reads_of(db: MysqlDatabase, work: Callable[[Session], Awaitable[Any]]) -> tuple[int, Any]:
    async with db.transaction() as session:
        before = await rows_read(session)
        result = await work(session)
        return await rows_read(session) - before, result


@pytest.mark.parametrize("analyzed", [False, True])
async def test_hot_statements_read_what_they_handle(url: str, analyzed: bool) -> None:
    reads: dict[str, int] = {}
    async with filled(url, analyzed=analyzed) as db:
        node = await repository.register_node(db, "test", 3600, "{}")

        async def count(name: str, work: Callable[[Session], Awaitable[Any]]) -> Any:
            reads[name], result = await reads_of(db, work)
            return result

        async def claim(session: Session) -> list[Any]:
            wanted = [("default", HANDLED, 0, 10_000)]
            return await repository.claim_jobs(session, node, wanted, HANDLED, ["noop"])

        def outcomes(jobs: list[Any], kind: Any, **more: Any) -> list[Outcome]:
            return [Outcome(id=job.id, attempt=job.attempt, kind=kind, **more) for job in jobs]

        first = await count("claim_jobs", claim)
        assert len(first) == HANDLED
        second, third = [(await reads_of(db, claim))[1] for _ in range(2)]
        ids = [job.id for job in first]
        await count("update_progress", lambda s: repository.update_progress(
            s, node, [ProgressReport(job.id, job.attempt, 0.5, "half") for job in first]))  # fmt: skip
        await count("insert_logs", lambda s: repository.insert_logs(
            s, node, [LogEntry(job.id, job.attempt, 0.0, "info", "line") for job in first], 0.0))  # fmt: skip
        await count("find_held", lambda s: repository.find_held(s, node, HANDLED))
        await count("find_cancel_requests", lambda s: repository.find_cancel_requests(s, node))
        await count("find_parents", lambda s: repository.find_parents(s, ids))
        await count("find_dependency_work", lambda s: repository.find_dependency_work(s, 100))
        await count("resolve_children", lambda s: repository.resolve_children(s, ids))
        await count("execute_jobs", lambda s: repository.execute_jobs(s, node, outcomes(second, "executed")))
        await count(
            "retry_jobs", lambda s: repository.retry_jobs(s, node, node, outcomes(second, "retry", delay_seconds=9))
        )
        await count("hand_back_jobs", lambda s: repository.hand_back_jobs(s, node, outcomes(third, "hand_back")))
        moved = await count(
            "finish_jobs",
            lambda s: repository.finish_jobs(s, node, node, outcomes(first, "completed")),
        )
        assert len(moved.ids) == HANDLED
        await count("release_children", lambda s: repository.release_children(s, [ids[0]], 100))
        await count("find_ends", lambda s: repository.find_ends(s, ids))
        await count("get_jobs", lambda s: repository.get_jobs(s, ids))
        await count("find_refs", lambda s: repository.find_refs(s, ["a", "b"]))
        await count("promote_jobs", lambda s: repository.promote_jobs(s, HANDLED))
        await count("next_due", repository.next_due)
        await count("find_expired", lambda s: repository.find_expired(s, HANDLED))
        await count(
            "cancel_jobs",
            lambda s: repository.cancel_jobs(s, [job.id for job in third], -1, "code", "why", ask_running=True),
        )
        claimed, _ = await count("claim_lanes", lambda s: repository.claim_lanes(
            s, node, after_worker="", lanes=10, run_length=10, scan_limit=500, queues=["default"],
            commands=["noop"]))  # fmt: skip
        assert len(claimed) == 20
        await count("skip_lanes", lambda s: repository.skip_lanes(s, "", 500))
        # No tag is known: nothing is to be read. A page of the live ones is, and as many of each line.
        await count("list_jobs", lambda s: repository.list_jobs(s, before_id=2**62, limit=HANDLED))
        await count("list_tagged", lambda s: repository.list_jobs(s, before_id=2**62, limit=HANDLED, tag="none"))
        await count("list_batch", lambda s: repository.list_jobs(s, before_id=2**62, limit=HANDLED, batch_id="none"))
        await count("count_live", lambda s: repository.count_live(s, HANDLED))
        await count("pulse", lambda s: repository.pulse(s, after_id=ROWS - HANDLED))
        await count("pulse_jobs", lambda s: repository.pulse_jobs(s, ids))
        everything = Slice(live=True, completed=True, failed=True, state="failed", exact={}, has={"args_has": "x"})
        await count("find_jobs", lambda s: repository.find_jobs(
            s, everything, from_id=ROWS // 2, before_id=ROWS // 2 + HANDLED, most=500))  # fmt: skip
        await count("sample_waits", lambda s: repository.sample_waits(s, ids))
        await count("list_workers", lambda s: repository.list_workers(s, HANDLED))
        around = {"id": ROWS, "queue": "default", "priority": 5, "worker": "lane 6", "bound": HANDLED}
        await count("explain_job", lambda s: repository.explain_job(s, **around))  # type: ignore[arg-type]
        await count("find_ready_queues", lambda s: repository.find_ready_queues(s, "", 500))
    too_many = {name: number for name, number in reads.items() if number > READS_PER_ROW * HANDLED + FIXED_READS}
    assert too_many == {}, f"rows read: {reads}"


async def test_the_tables_beside_the_jobs_are_entered_by_key(url: str) -> None:
    reads: dict[str, int] = {}
    async with filled(url, analyzed=True) as db:
        raw = Raw("mysql", url)
        for fill in FILL_BESIDE:
            await raw.rows(fill)
        node = await repository.register_node(db, "test", 3600, "{}")

        async def count(name: str, work: Callable[[Session], Awaitable[Any]]) -> Any:
            reads[name], result = await reads_of(db, work)
            return result

        wanted = [("default", HANDLED, 0, 10_000)]
        parents = await repository.claim_jobs(db, node, wanted, HANDLED, ["noop"])
        children = [id for id, _ in await repository.insert_jobs(
            db, [NewJob(queue="default", command="noop", pending=1, batch_id="batch 1")] * HANDLED, ())]  # fmt: skip
        edges = [(parent.id, child) for parent, child in zip(parents, children, strict=True)]
        await repository.add_dependencies(db, edges)

        told = await count("resolve_children", lambda s: repository.resolve_children(s, children))
        assert len(told.changed) == HANDLED
        ends = [Outcome(id=job.id, attempt=job.attempt, kind="failed") for job in parents]
        await count("finish_jobs", lambda s: repository.finish_jobs(s, node, node, ends))
        assert (
            len((await count("find_dependency_work", lambda s: repository.find_dependency_work(s, 1000)))[0]) == HANDLED
        )
        told = await count("release_children", lambda s: repository.release_children(
            s, [job.id for job in parents], 1000))  # fmt: skip
        assert len(told.doomed) == HANDLED
        gone, _ = await count("cancel_jobs", lambda s: repository.cancel_jobs(
            s, children, -1, "code", "why", ask_running=False))  # fmt: skip
        assert len(gone) == HANDLED
        ready, waiting = await count("requeue_jobs", lambda s: repository.requeue_jobs(s, children, -1))
        assert (len(ready), len(waiting)) == (HANDLED, 0)
        await count("find_refs", lambda s: repository.find_refs(s, [f"ref {n}" for n in range(HANDLED)]))
        added = await count("add_refs", lambda s: repository.add_refs(s, [("ref 1", 1), ("new", 2)]))
        assert added == {"new"}
        assert (
            await count("forget_refs", lambda s: repository.forget_refs(s, "202001", ("201912",), HANDLED)) == HANDLED
        )
        assert (await count("get_batch", lambda s: repository.get_batch(s, "batch 1"))).total == 25
        assert await count("fold_batches", lambda s: repository.fold_batches(s, HANDLED)) == HANDLED
        assert await count("drop_batches", lambda s: repository.drop_batches(s, 5 * 86400.0)) == 49
        await count("list_nodes", repository.list_nodes)
        assert not await count("bury_node", lambda s: repository.bury_node(s, node))
        assert await count("remove_node", lambda s: repository.remove_node(s, node))
    too_many = {name: number for name, number in reads.items() if number > READS_PER_ROW * HANDLED + FIXED_READS}
    assert too_many == {}, f"rows read: {reads}"


async def test_looks_by_time_and_housekeeping_read_what_is_due_or_old(url: str) -> None:
    """Nothing is: 50,000 jobs are scheduled and expire tomorrow, 50,000 queues are in use."""
    reads: dict[str, int] = {}
    async with filled(url, analyzed=True) as db:
        raw = Raw("mysql", url)
        await raw.rows(
            "UPDATE dbjobs.background_job SET worker = NULL, state = 'scheduled', line = 'due', attempt = id MOD 2, "
            "run_after = UTC_TIMESTAMP(6) + INTERVAL 1 DAY, expires_at = UTC_TIMESTAMP(6) + INTERVAL 1 DAY, "
            "last_activity_at = UTC_TIMESTAMP(6)"
        )
        await raw.rows(f"INSERT INTO dbjobs.job_queue (queue) SELECT CONCAT('tenant ', n) FROM {EACH}")
        await raw.rows(FILL_BESIDE[-1])
        month = 30 * 86400.0

        async def count(name: str, work: Callable[[Session], Awaitable[Any]]) -> Any:
            reads[name], result = await reads_of(db, work)
            return result

        assert await count("promote_jobs", lambda s: repository.promote_jobs(s, HANDLED)) == []
        assert await count("find_expired", lambda s: repository.find_expired(s, HANDLED)) == []
        assert not await count("find_retries_ahead", repository.has_retries_ahead)
        pulled = await count("pull_in_retries", lambda s: repository.pull_in_retries(s, 1.0, 0, HANDLED))
        assert pulled[0] == 0
        assert await count("find_unused_queues", lambda s: repository.find_unused_queues(s, month, HANDLED)) == []
        some = [f"tenant {n}" for n in range(HANDLED)]
        assert await count("drop_queues", lambda s: repository.drop_queues(s, some, month)) == 0
        assert await count("drop_queues of old ones", lambda s: repository.drop_queues(s, some, 0.0)) == HANDLED
        await count("add_queues", lambda s: repository.add_queues(s, ["tenant 200", "new"]))
        assert await count("list_live_queues", lambda s: repository.list_live_queues(s, 0, HANDLED)) != []
        line = (datetime.now(UTC), LogEntry(1, 1, 0.0, "info", "line"))
        await count("append_logs", lambda s: repository.append_logs(s, [line] * HANDLED, 0.0))
    too_many = {name: number for name, number in reads.items() if number > 10 * HANDLED}
    assert too_many == {}, f"rows read: {reads}"


async def test_the_count_notices_a_scan(url: str) -> None:
    async with filled(url, analyzed=True) as db:
        reads, _ = await reads_of(db, lambda s: repository.find_live(s, after_id=0, limit=1, state="executed"))
        assert reads > READS_PER_ROW * HANDLED + FIXED_READS
