"""One writer with group commit: each piece of work fails alone, and nobody waits for more than the write before it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import anyio
import pytest

from dbjobs.errors import DatabaseError
from dbjobs.store import repository
from dbjobs.store.sqlite import writer as sqlite_writer
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import migrate, settlement
from tests.dialects.sqlite.rows import claim, enqueue, listed, make_node, new_job

pytestmark = pytest.mark.dialect("sqlite")


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
