"""An enqueue on the caller's own connection is part of the caller's transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from dbjobs.errors import InvalidOption
from dbjobs.store import repository
from dbjobs.store.records import Outcome
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import enqueueing, settlement
from dbjobs.store.transactions.dependencies import Follower
from tests.dialects.sqlite.rows import claim, enqueue, listed, make_node, new_job

pytestmark = pytest.mark.dialect("sqlite")


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
