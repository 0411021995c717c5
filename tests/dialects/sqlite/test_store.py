"""What only SQLite has: the files of the months, one writer with group commit, the caller's own connection."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from dbjobs import Jobs
from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    InvalidOption,
    InvalidUrl,
    MissingPermission,
    TransactionConflict,
)
from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.records import LogEntry, NewJob, Outcome
from dbjobs.store.sqlite import archiving as sqlite_archiving
from dbjobs.store.sqlite import history as sqlite_history
from dbjobs.store.sqlite import writer as sqlite_writer
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.sqlite.script import Script
from dbjobs.store.transactions import enqueueing, migrate, partitions, settlement
from dbjobs.store.transactions.dependencies import Follower
from tests.conformance.helpers import eventually
from tests.servers.processes import Spawn

pytestmark = pytest.mark.dialect("sqlite")

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


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(url)
    await database.open()
    await migrate.migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def month(db: SqliteDatabase) -> Path:
    """The file of this month."""
    this = await repository.current_month(db)
    return db.path.with_name(f"jobs-history-{this}.db")


# --- history ------------------------------------------------------------------------------------


async def test_a_job_that_has_ended_is_copied_to_its_month_and_leaves_the_main_file(
    db: SqliteDatabase, month: Path
) -> None:
    ids = await enqueue(db, 5)
    await run_all(db)
    await db.close()
    assert rows_of(month, "SELECT id, state FROM completed_job ORDER BY id") == [(id, "completed") for id in ids]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_background_job") == [(0,)]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_finished_job") == [(0,)]


async def test_an_idle_writer_copies_by_itself(db: SqliteDatabase, month: Path) -> None:
    await enqueue(db)
    await run_all(db)
    await eventually(lambda: rows_of(month, "SELECT id FROM completed_job"), "it is copied")


async def test_a_writer_that_is_never_idle_copies_too(
    db: SqliteDatabase, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_archiving, "IDLE_SECONDS", 1000.0)
    monkeypatch.setattr(sqlite_archiving, "MOST_CHANGES", 300)
    for _ in range(3):
        await enqueue(db, 100)
        await run_all(db)
    await repository.next_due(db)
    assert rows_of(month, "SELECT count(*) FROM completed_job")[0][0] >= 200


async def test_a_crash_while_copying_leaves_each_job_once(
    url: str, db: SqliteDatabase, month: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month has been committed, the main file has not: the job is in both, shown once, and copied again."""
    ids = await enqueue(db, 3)
    with monkeypatch.context() as patch:
        patch.setattr(Script, "run", crash_in(("INSERT INTO dbjobs_month_range",)))
        await run_all(db)
        await db.close()
    assert rows_of(month, "SELECT count(*) FROM completed_job") == [(3,)]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_finished_job") == [(3,)]
    again = SqliteDatabase(url)
    await again.open()
    assert await listed(again) == [(id, "completed") for id in reversed(ids)]
    assert {job.response for job in (await repository.get_jobs(again, ids)).values()} == {"ok"}
    await again.close()
    assert rows_of(month, "SELECT count(*) FROM completed_job") == [(3,)]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_finished_job") == [(0,)]


def crash_in(statements: Sequence[str]) -> Any:
    """A Script.run that raises when it comes to a file with one of these statements."""
    run = Script.run

    def crashing(script: Script, *arguments: Any) -> Any:
        if any(step.text.startswith(tuple(statements)) for step in script.steps[:1]):
            raise OSError("crash")
        return run(script, *arguments)

    return crashing


async def test_a_month_that_cannot_be_written_loses_nothing(
    db: SqliteDatabase, month: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_archiving, "RETRY_SECONDS", 0.0)
    async with db.transaction() as session:
        await session.script("drop_partition", month=await repository.current_month(db))
    month.mkdir()  # noqa: ASYNC240 - nothing can be opened there
    ids = await enqueue(db)
    with caplog.at_level(logging.WARNING):
        await run_all(db)
        await eventually(lambda: "cannot be copied" in caplog.text, "it is tried")
    month.rmdir()  # noqa: ASYNC240
    assert await listed(db) == [(ids[0], "completed")]
    await db.close()
    assert rows_of(month, "SELECT id FROM completed_job") == [(ids[0],)]


async def test_a_rollback_leaves_no_history_and_no_key(db: SqliteDatabase) -> None:
    node_id = await make_node(db)
    await enqueue(db, ref_id="key")
    outcomes = await claim(db, node_id)

    async def finish_and_fail() -> None:
        async with db.transaction() as session:
            assert not (await settlement.settle_in(session, node_id, outcomes)).lost
            assert await repository.find_refs(session, ["key"]) == {"key": outcomes[0].id}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await finish_and_fail()
    assert await listed(db) == [(outcomes[0].id, "started")]
    assert await repository.find_refs(db, ["key"]) == {"key": outcomes[0].id}


async def test_a_requeued_job_leaves_its_month(url: str, db: SqliteDatabase, month: Path) -> None:
    (id,) = await enqueue(db, ref_id="key", batch_id="b")
    async with db.transaction() as session:
        await repository.add_to_batches(session, {"b": 1})
    assert await cancelled(db, [id]) == {id}
    await db.close()  # copied
    assert rows_of(month, "SELECT id FROM failed_job") == [(id,)]

    again = SqliteDatabase(url)
    await again.open()
    assert len((await repository.requeue_jobs(again, [id], 1))[0]) == 1
    # Whatever the month still says, the live row counts.
    assert await listed(again) == [(id, "queued")]
    assert await listed(again, state=JobState.CANCELLED) == []
    assert (await repository.get_jobs(again, [id]))[id].state is JobState.QUEUED
    assert await repository.find_ends(again, [id]) == {}
    assert await repository.find_refs(again, ["key"]) == {"key": id}
    batch = await repository.get_batch(again, "b")
    assert batch is not None
    assert (batch.total, batch.cancelled) == (1, 0)
    assert await repository.requeue_jobs(again, [id], 1) == ([], [])
    assert await run_all(again) == [id]
    assert await listed(again) == [(id, "completed")]
    await again.close()
    assert rows_of(month, "SELECT id FROM failed_job") == []
    assert rows_of(month, "SELECT id FROM completed_job") == [(id,)]


async def test_a_list_goes_over_months_newest_first(db: SqliteDatabase) -> None:
    ids = await enqueue(db, 12)
    with closing(sqlite3.connect(db.path)) as file:
        for index, id in enumerate(ids):
            file.execute(
                "UPDATE dbjobs_background_job SET created_at = ? WHERE id = ?",
                (f"2025-{index // 4 + 1:02d}-15 00:00:00.000", id),
            )
        file.commit()
    node_id = await make_node(db)
    await settlement.settle(db, node_id, await claim(db, node_id, 10))
    await db.close()
    assert set(sqlite_history.HistoryFiles(db.path, "dbjobs").months()) >= {"202501", "202502", "202503"}
    await db.open()
    before, seen = NO_END, []
    while page := await repository.list_jobs(db, before_id=before, limit=5):
        seen += [row.id for row in page]
        before = page[-1].id
        assert len(page) == 5 or before == ids[0]
    assert seen == ids[::-1]
    assert sorted(await repository.get_jobs(db, ids)) == ids


async def test_logs_are_found_on_their_way_and_in_their_month(db: SqliteDatabase) -> None:
    node_id = await make_node(db)
    (id,) = await enqueue(db)
    outcomes = await claim(db, node_id)
    for turn in range(3):
        lines = [LogEntry(id, 1, 0.0, "info", f"{turn}.{n}") for n in range(2)]
        await repository.insert_logs(db, node_id, lines, 0.0)
        if turn == 1:
            await db.close()  # copied
            await db.open()
    await settlement.settle(db, node_id, outcomes)
    lines_found = await repository.list_logs(db, id, 0, 100)
    assert [line.message for line in lines_found] == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]
    rest = await repository.list_logs(db, id, lines_found[2].id, 2)
    assert [line.message for line in rest] == ["1.1", "2.0"]


async def test_a_month_dropped_by_another_process_is_gone_here_too(url: str, db: SqliteDatabase) -> None:
    (id,) = await enqueue(db, ref_id="key")
    await run_all(db)
    await db.close()
    await db.open()
    assert await listed(db) == [(id, "completed")]  # the month's file is open now
    other = SqliteDatabase(url)
    await other.open()
    this = await repository.current_month(other)
    async with other.transaction() as session:
        await session.script("drop_partition", month=this, oldest=this)
    assert await repository.forget_refs(other, this, (), 10) == 1
    await other.close()
    assert this not in await repository.list_partitions(db)
    assert await listed(db) == []
    assert await repository.find_refs(db, ["key"]) == {}
    (second,) = await enqueue(db, ref_id="key")
    assert second > id
    assert await run_all(db) == [second]
    await db.close()
    await db.open()
    assert await listed(db) == [(second, "completed")]


async def test_schemas_of_one_file_have_months_of_their_own(url: str, db: SqliteDatabase) -> None:
    mine = SqliteDatabase(url, schema="mine")
    await mine.open()
    await migrate.migrate(mine)
    await enqueue(db)
    await enqueue(mine, 2)
    await run_all(db)
    await run_all(mine)
    await mine.close()
    await mine.open()
    assert len(await partitions.drop_old(mine, -100)) == 3
    assert await listed(mine) == []
    assert len(await listed(db)) == 1
    await mine.close()


# --- one writer ---------------------------------------------------------------------------------


async def test_what_arrives_together_is_committed_together_and_fails_alone(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = sqlite_writer.Writer._commit_together

    def noting(writer: sqlite_writer.Writer, group: list[Any]) -> None:
        sizes.append(len(group))
        commit(writer, group)

    monkeypatch.setattr(sqlite_writer.Writer, "_commit_together", noting)
    async with db.transaction():  # holds the writer until all of them are there
        works = [asyncio.ensure_future(enqueue(db, tag=str(n))) for n in range(50)]
        works.insert(20, asyncio.ensure_future(enqueue(db, command=None)))
        await asyncio.sleep(0.05)
        assert not any(work.done() for work in works)
    results = await asyncio.gather(*works, return_exceptions=True)
    assert isinstance(results[20], DatabaseError)
    assert len({id for result in results if isinstance(result, list) for id in result}) == 50
    assert len(await listed(db)) == 50
    assert max(sizes) == 51


async def test_reading_does_not_wait_for_writing(db: SqliteDatabase) -> None:
    ids = await enqueue(db)
    async with db.transaction() as session:
        await repository.insert_jobs(session, [new_job()], ())
        with anyio.fail_after(5):
            assert await listed(db) == [(ids[0], "queued")]


async def test_a_transaction_whose_statement_failed_keeps_nothing(db: SqliteDatabase) -> None:
    async def fail_and_go_on() -> None:
        async with db.transaction() as session:
            await repository.insert_jobs(session, [new_job()], ())
            with pytest.raises(DatabaseError, match="NOT NULL"):
                await repository.insert_jobs(session, [new_job(command=None)], ())
            with pytest.raises(DatabaseError, match="earlier statement"):
                await repository.next_due(session)

    with pytest.raises(DatabaseError, match="rolled back"):
        await fail_and_go_on()
    assert await listed(db) == []


async def test_a_transaction_that_is_cancelled_while_it_waits_frees_the_writer(db: SqliteDatabase) -> None:
    async with db.transaction():
        with anyio.move_on_after(0.05) as scope:
            async with db.transaction():
                raise AssertionError("two at a time")
        assert scope.cancelled_caught
    with anyio.fail_after(5):
        await enqueue(db)


async def test_a_busy_event_loop_does_not_starve_the_writer(db: SqliteDatabase) -> None:
    stop = False

    async def spin() -> None:
        while not stop:
            sum(range(300))
            await asyncio.sleep(0)

    spinning = [asyncio.ensure_future(spin()) for _ in range(20)]
    began = time.monotonic()
    for _ in range(20):
        await enqueue(db)
    stop = True
    await asyncio.gather(*spinning)
    assert time.monotonic() - began < 20  # without stepping aside: minutes


async def test_a_lock_held_by_another_process_is_waited_for_and_then_reported(url: str) -> None:
    db = SqliteDatabase(f"{url}?busy_timeout=1")
    await db.open()
    await migrate.migrate(db)
    with closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransactionConflict, match="write lock"):
            await enqueue(db)
        with pytest.raises(TransactionConflict, match="write lock"):
            async with db.transaction():
                raise AssertionError("not reached")
        waiting = asyncio.ensure_future(enqueue(db))
        await asyncio.sleep(0.1)
        other.execute("COMMIT")
    assert len(await waiting) == 1
    await db.close()


@pytest.mark.process
async def test_two_processes_write_one_file(url: str, db: SqliteDatabase, spawn: Spawn) -> None:
    code = (
        "import asyncio, sys\n"
        "from dbjobs.store.sqlite.database import SqliteDatabase\n"
        "from tests.dialects.sqlite.test_store import enqueue\n"
        "async def main():\n"
        f"    db = SqliteDatabase({url!r})\n"
        "    await db.open()\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    for _ in range(100):\n"
        "        await enqueue(db, 2, tag='child')\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
    )
    process = spawn("-c", code, cwd=Path(__file__).parents[3])
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    assert process.stdout.readline() == "open\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    ids = [id for _ in range(100) for id in await enqueue(db, 2, tag="parent")]
    assert process.wait(30) == 0
    rows = await repository.list_jobs(db, before_id=NO_END, limit=1000)
    assert len(rows) == 400
    assert {row.id for row in rows if row.tag == "parent"} == set(ids)


async def test_commits_of_others_are_noticed_and_our_own_are_not(url: str, db: SqliteDatabase) -> None:
    notices: list[str] = []
    ready: list[bool] = []
    listening = asyncio.ensure_future(db.listen(notices.append, ready.append))
    await enqueue(db)
    await asyncio.sleep(0.1)
    assert (ready, notices) == ([True], [])
    other = db.another()
    await other.open()
    await other.fetch("add_queues", queues=["new"])
    await eventually(lambda: notices, "it is noticed")
    await other.close()
    listening.cancel()
    await asyncio.wait([listening])
    assert ready == [True, False]


async def test_two_instances_work_in_two_event_loops(url: str, db: SqliteDatabase) -> None:
    found: list[int] = []

    async def heartbeat() -> None:
        other = db.another()
        await other.open()
        node_id = await make_node(other)
        for _ in range(20):
            assert await repository.heartbeat(other, node_id, 10.0, "{}")
            assert await repository.find_cancel_requests(other, node_id) == set()
        found.append(node_id)
        await other.close()

    thread = threading.Thread(target=lambda: asyncio.run(heartbeat()))
    thread.start()
    for _ in range(50):
        await enqueue(db)
    await asyncio.to_thread(thread.join)
    assert [node.id for node in await repository.list_nodes(db)] == found


# --- the caller's own connection ----------------------------------------------------------------


@pytest.mark.parametrize("isolation_level", ["", "IMMEDIATE", "EXCLUSIVE", None])
@pytest.mark.parametrize("row_factory", [None, sqlite3.Row, lambda cursor, row: {"only": row[0]}])
async def test_an_enqueue_is_part_of_the_callers_transaction(
    db: SqliteDatabase, isolation_level: Any, row_factory: Any
) -> None:
    with closing(sqlite3.connect(db.path, isolation_level=isolation_level)) as connection:
        connection.row_factory = row_factory
        connection.text_factory = bytes
        for commit in (False, True):
            if isolation_level is None:
                connection.execute("BEGIN")
            session = await db.adopt(connection)
            job = new_job(ref_id="key", run_after=None)
            ref = (await enqueueing.insert_one(session, db, job, (), (), refuse_existing=True)).ref
            assert await listed(db) == []
            connection.commit() if commit else connection.rollback()
        assert await listed(db) == [(ref.id, "queued")]
        assert connection.text_factory is bytes
        assert connection.execute("PRAGMA busy_timeout").fetchone() is not None


async def test_a_caller_without_a_transaction_is_told(db: SqliteDatabase) -> None:
    with closing(sqlite3.connect(db.path, isolation_level=None)) as connection:
        session = await db.adopt(connection)
        with pytest.raises(InvalidOption, match="execute BEGIN"):
            await repository.insert_jobs(session, [new_job()], ())


async def test_a_connection_to_another_file_is_refused(db: SqliteDatabase, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "other.db")) as connection,
        pytest.raises(InvalidOption, match=r"other\.db"),
    ):
        await db.adopt(connection)
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(InvalidOption, match="no file"):
        await db.adopt(connection)
    with pytest.raises(InvalidOption, match=r"sqlite3\.Connection, or an aiosqlite connection.*: int"):
        await db.adopt(7)


async def test_a_caller_waits_for_the_lock_without_stopping_the_event_loop(db: SqliteDatabase) -> None:
    """The lock's holder is a transaction that needs the event loop to go on."""
    with closing(sqlite3.connect(db.path)) as connection:
        async with db.transaction() as session:
            await repository.insert_jobs(session, [new_job()], ())
            waiting = asyncio.ensure_future(repository.insert_jobs(await db.adopt(connection), [new_job()], ()))
            await asyncio.sleep(0.05)
            await repository.insert_jobs(session, [new_job()], ())
        with anyio.fail_after(5):
            assert len(await waiting) == 1
        connection.commit()
    assert len(await listed(db)) == 3


async def test_a_child_of_a_failed_job_is_cancelled_after_the_callers_transaction(db: SqliteDatabase) -> None:
    node_id = await make_node(db)
    (parent,) = await enqueue(db)
    (outcome,) = await claim(db, node_id)
    await settlement.settle(db, node_id, [Outcome(id=parent, attempt=outcome.attempt, kind="failed")])
    await db.close()  # copied: the parent's end is in its month
    await db.open()
    with closing(sqlite3.connect(db.path)) as connection:
        for commit in (False, True):
            session = await db.adopt(connection)
            child = new_job(ref_id="child")
            inserted = await enqueueing.insert_one(session, db, child, [parent], (), refuse_existing=False)
            connection.commit() if commit else connection.rollback()
            _, children = await repository.find_dependency_work(db, 10)
            assert children == ([inserted.ref.id] if commit else [])
            await Follower(db, children=children).run()
            assert await listed(db) == ([(inserted.ref.id, "cancelled")] if commit else []) + [(parent, "failed")]


async def test_a_handlers_transaction_is_all_or_nothing(db: SqliteDatabase) -> None:
    node_id = await make_node(db)
    await enqueue(db)
    outcomes = await claim(db, node_id)

    async def finish_and_fail() -> None:
        async with db.handler_transaction() as session:
            session.connection.execute("CREATE TABLE note (text)")
            await settlement.settle_in(session, node_id, outcomes)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await finish_and_fail()
    assert await listed(db) == [(outcomes[0].id, "started")]
    async with db.handler_transaction() as session:
        session.connection.execute("CREATE TABLE note (text)")
        assert not (await settlement.settle_in(session, node_id, outcomes)).lost
    assert await listed(db) == [(outcomes[0].id, "completed")]


# --- opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "has no path"),
        ("sqlite:///", "has no path"),
        ("sqlite://jobs.db", "names a host"),
        ("sqlite:///jobs.db?busy_timout=5", "did you mean 'busy_timeout'?"),
        ("sqlite:///:memory:", "need a file"),
        ("sqlite:///file:jobs.db", "need a file"),
        ("sqlite:///jobs.db#1", "%23"),
        ("sqlite:///jobs.db?mode=ro", "option 'mode' is not known; leave it out"),
        ("sqlite:///jobs.db?busy_timeout=soon", "busy_timeout='soon'"),
        ("sqlite:///jobs.db?pool_size=0", "pool_size='0'"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, words: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        SqliteDatabase(url)
    assert words in str(caught.value)


def test_a_url_names_a_relative_or_an_absolute_file() -> None:
    assert SqliteDatabase("sqlite:///a%20folder/jobs.db").path == Path.cwd() / "a folder" / "jobs.db"
    assert SqliteDatabase("sqlite:////var/jobs%23.db?busy_timeout=3").path == Path("/var/jobs#.db")


async def refusal(path: Path) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        await SqliteDatabase(f"sqlite:///{path}").open()
    assert str(path) in str(caught.value)
    return caught.value


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    missing = await refusal(tmp_path / "nowhere" / "jobs.db")
    assert isinstance(missing, DatabaseUnavailable)
    assert "does not exist" in str(missing)
    assert "is a folder" in str(await refusal(tmp_path))
    (tmp_path / "text.db").write_text("this is no database, and it is long enough to be looked at by SQLite\n" * 50)
    assert isinstance(await refusal(tmp_path / "text.db"), DatabaseUnavailable)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    file.touch(0o400)
    assert isinstance(await refusal(file), MissingPermission)
    tmp_path.chmod(0o500)  # noqa: ASYNC240
    assert isinstance(await refusal(tmp_path / "new.db"), MissingPermission)


async def test_an_old_sqlite_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 39, 9))
    with pytest.raises(DatabaseError, match=r"SQLite 3\.40 or newer"):
        await SqliteDatabase(f"sqlite:///{tmp_path}/jobs.db").open()


async def test_two_first_starts_at_the_same_moment_make_the_tables_once(url: str) -> None:
    several = [SqliteDatabase(url) for _ in range(4)]
    await asyncio.gather(*(db.open() for db in several))
    applied = await asyncio.gather(*(migrate.migrate(db) for db in several))
    assert sorted(map(len, applied)) == [0, 0, 0, 1]
    for db in several:
        await db.close()


async def test_closing_ends_every_thread(url: str) -> None:
    before = set(threading.enumerate())
    db = SqliteDatabase(url)
    await db.open()
    await migrate.migrate(db)
    await db.close()
    await db.close()
    new = [thread.name for thread in set(threading.enumerate()) - before]
    assert not [name for name in new if name.startswith("dbjobs-sqlite")]
    assert len(new) <= 1  # the one that has joined them may still be ending
    with pytest.raises(DatabaseError, match="not open"):
        await repository.next_due(db)


def test_a_directive_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="-- @every jobs"):
        Script("-- @every jobs\nSELECT 1;\n")


async def test_a_job_is_looked_for_in_the_file_of_its_month_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty months of history: neither a job that runs, nor an old one, nor one that never was, opens them all."""
    path = tmp_path / "jobs.db"
    jobs = Jobs(f"sqlite:///{path}")

    @jobs.command
    async def work() -> None: ...

    opened: list[str] = []
    connection = sqlite_history.History.connection

    def counted(self: sqlite_history.History, month: str) -> sqlite3.Connection | None:
        opened.append(month)
        return connection(self, month)

    async with jobs:
        refs = []
        for number in range(40):
            ref = await jobs.enqueue(work)
            refs.append(ref)
            with closing(sqlite3.connect(path)) as raw:
                moment = f"{2020 + number // 12}-{number % 12 + 1:02}-15 12:00:00.000"
                raw.execute("UPDATE dbjobs_background_job SET created_at = ? WHERE id = ?", (moment, ref.id))
                raw.commit()
        async with jobs.start(retention_months=None):
            for ref in refs:
                await jobs.wait(ref, timeout=20)
    async with jobs:
        assert len(sqlite_history.HistoryFiles(path, "dbjobs").months()) >= 40
        live = await jobs.enqueue(work)
        monkeypatch.setattr(sqlite_history.History, "connection", counted)
        assert await repository.find_ends(jobs._client.db, [live.id]) == {}
        assert await jobs.get(10**9) is None
        assert opened == []
        found = await jobs.get(refs[7])
        assert found is not None
        assert found.state is JobState.COMPLETED
        assert opened == ["202008"]
