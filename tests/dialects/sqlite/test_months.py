"""What has ended is in the file of its month, whatever happens on the way there."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbjobs import JobContext, Jobs
from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.sqlite import archiving as sqlite_archiving
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.sqlite.script import Script
from dbjobs.store.transactions import settlement
from tests.conformance.helpers import eventually
from tests.dialects.sqlite.rows import cancelled, claim, enqueue, listed, make_node, rows_of, run_all

pytestmark = pytest.mark.dialect("sqlite")


async def test_a_job_that_has_ended_is_copied_to_its_month_and_leaves_the_main_file(
    db: SqliteDatabase, month: Path
) -> None:
    ids = await enqueue(db, 5)
    await run_all(db)
    await db.close()
    assert rows_of(month, "SELECT id, state FROM completed_job ORDER BY id") == [(id, "completed") for id in ids]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_background_job") == [(0,)]
    assert rows_of(db.path, "SELECT count(*) FROM dbjobs_finished_job") == [(0,)]


async def test_jobs_of_several_months_that_are_copied_together_go_each_to_its_own(
    db: SqliteDatabase, month: Path
) -> None:
    """The main file keeps which ids a month has, and that its jobs ended in a later one."""
    ids = await enqueue(db, 6)
    with closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        change = "UPDATE dbjobs_background_job SET created_at = ? WHERE id = ?"
        for id, at in (
            (ids[0], "2024-12-31 23:59:59.999"),
            (ids[4], "2024-12-01 00:00:00.000"),
            (ids[2], "2025-01-01 00:00:00.000"),
        ):
            other.execute(change, (at, id))
    await run_all(db)
    await db.close()
    now = month.stem[-6:]
    december, january = (month.with_name(month.name.replace(now, name)) for name in ("202412", "202501"))
    for file, wanted in ((december, [ids[0], ids[4]]), (january, [ids[2]]), (month, [ids[1], ids[3], ids[5]])):
        assert rows_of(file, "SELECT id FROM completed_job ORDER BY id") == [(id,) for id in wanted]
    assert rows_of(db.path, "SELECT month, first_id, last_id FROM dbjobs_month_range ORDER BY month") == [
        ("202412", ids[0], ids[4]),
        ("202501", ids[2], ids[2]),
        (now, ids[1], ids[5]),
    ]
    assert rows_of(db.path, "SELECT created_month, ended_month FROM dbjobs_late_end ORDER BY 1") == [
        ("202412", now),
        ("202501", now),
    ]
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


async def test_a_line_that_leaves_for_its_month_before_anybody_looks_is_a_change_of_its_job(
    url: str, db: SqliteDatabase, month: Path
) -> None:
    """Nobody sees it in the main file: the pulse of a job still moves."""
    jobs = Jobs(url)
    written = asyncio.Event()
    go_on = asyncio.Event()

    @jobs.command
    async def work(job: JobContext) -> None:
        for _ in range(2):
            job.log("a line")
            written.set()
            await go_on.wait()
            go_on.clear()

    def archived(lines: int) -> bool:
        return rows_of(month, "SELECT count(*) FROM job_log") == [(lines,)] and rows_of(
            db.path, "SELECT count(*) FROM dbjobs_job_log"
        ) == [(0,)]

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await written.wait()
        await eventually(lambda: archived(1), "the first line has left")
        before = await repository.pulse_jobs(db, [ref.id])
        assert ref.id in before
        go_on.set()
        await eventually(lambda: archived(2), "the second line has left")
        assert await repository.pulse_jobs(db, [ref.id]) != before
        go_on.set()
        await jobs.wait(ref, timeout=20)
