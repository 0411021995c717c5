"""MySQL and MariaDB: what a caller's open transaction holds, at each isolation level, holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from dbjobs.store.database import Database, Session
from dbjobs.store.mysql import callers as mysql_callers
from dbjobs.store.records import NewJob
from dbjobs.store.statements import Table
from tests.conformance.helpers import eventually
from tests.conformance.raw import Raw
from tests.dialects.mysql.statements import QUEUE, cancel, claim, claim_lanes, finish, impatient, insert

pytestmark = pytest.mark.dialect("mysql")

LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    async with impatient(url) as opened:
        yield opened


@asynccontextmanager
async def caller(url: str, db: Database, level: str) -> AsyncIterator[tuple[Any, Session]]:
    """An application's transaction at this level, and the session that an enqueue would use on it."""
    async with Raw("mysql", url).connection() as own:
        await own.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        await own.begin()
        await own.execute("SELECT text FROM note")  # under REPEATABLE READ its snapshot is as old as this
        yield own, await db.adopt(own.driver)


async def enqueue(session: Session, ref_id: str, parents: Sequence[int], batch_id: str) -> int:
    """All that one enqueue with everything writes."""
    assert list(await session.fetch("find_refs", ref_ids=[ref_id])) == []
    await session.fetch("find_parents", ids=parents)
    (id,) = await insert(session, ref_id=ref_id, batch_id=batch_id, pending=len(parents), worker="lane")
    added = await session.fetch("add_refs", refs=Table(("ref_id", "job_id"), [(ref_id, id)]))
    assert [row[0] for row in added] == [ref_id]
    edges = [(parent, id) for parent in parents]
    await session.fetch("add_dependencies", edges=Table(("parent_id", "child_id"), edges))
    await session.fetch("add_to_batches", counts=Table(("batch_id", "total"), [(batch_id, 1)]))
    return id


@pytest.mark.parametrize("level", LEVELS)
async def test_a_caller_s_open_transaction_holds_nobody_up(url: str, db: Database, level: str) -> None:
    node = (await db.fetch("register_node", name="n", lease_seconds=3600.0, info="{}"))[0][0]
    ended, running, *_ = await insert(db, 2)
    claimed = await claim(db, node)
    assert await finish(db, node, claimed[:1]) == {ended}
    laned, behind = [(await insert(db, worker="lane"))[0] for _ in range(2)]
    ready = await insert(db, 3)
    await db.fetch("add_to_batches", counts=Table(("batch_id", "total"), [("b", 3)]))
    async with db.transaction() as session:
        await session.fetch("add_refs", refs=Table(("ref_id", "job_id"), [("d", ended), ("m", running)]))

    async with caller(url, db, level) as (own, session):
        parents = [ended, running, laned, ready[0]]
        child = await enqueue(session, "k", parents, "b")
        assert [tuple(row) for row in await session.fetch("find_refs", ref_ids=["k"])] == [("k", child)]
        assert [tuple(row) for row in await session.fetch("find_parents", ids=[child])] == [(child, None)]
        (discarded,) = await insert(session)
        await session.fetch("discard_jobs", ids=[discarded])
        await session.insert_bulk([NewJob(queue=QUEUE, command="c")] * 10)

        # Enqueues of others: other keys on both sides of what was looked for, callers' transactions that stay open.
        async with AsyncExitStack() as others:
            for ref_id in ("a", "e", "l", "z"):
                _, other = await others.enter_async_context(caller(url, db, level))
                await enqueue(other, ref_id, [running], "b")
        await insert(db, 200)
        # The parents end, and everything else goes on.
        assert {job[0] for job in await claim_lanes(db, node)} == {laned, behind}
        claimed = await claim(db, node, 1000)
        assert len(claimed) == 203
        held = await db.fetch("find_held", node_id=node, limit=1000)
        assert len(held) == 206
        assert len(await finish(db, node, held[3:])) == 203
        assert await cancel(db, [row[0] for row in held]) == {row[0]: "started" for row in held[:3]}
        assert len(await finish(db, node, held)) == 3
        (late,) = await insert(db, delay_seconds=-1.0)
        assert (await cancel(db, [late])) == {late: "cancelled"}
        assert [row[0] for row in await db.fetch("requeue_jobs", ids=[late], counter=-7, as_they_were=False)] == [late]
        await db.fetch("promote_jobs", limit=10)
        for row in await db.fetch("find_dependency_work", limit=100):
            name = "release_children" if row[0] == "parent" else "resolve_children"
            ids = {"parents": [row[1]], "limit": 10} if row[0] == "parent" else {"ids": [row[1]]}
            await db.fetch(name, **ids)
        assert (await db.fetch("fold_batches", limit=100))[0][0] == 1
        assert (await db.fetch("get_batch", batch_id="b"))[0][1] == 3
        await db.fetch("fold_stats", hours=1, kept=48)
        month = (await db.fetch("current_month"))[0][0]
        await db.fetch("forget_refs", month="190001", kept=(), limit=10)
        await db.fetch("drop_batches", seconds=3600.0)
        assert {row[0] for row in await db.fetch("find_refs", ref_ids=["a", "d", "e", "k"])} == {"d"}
        assert (await db.fetch("forget_refs", month=month, kept=(), limit=10))[0][0] == 2
        assert (await db.fetch("remove_node", node_id=node))[0][0] == node
        await own.commit()

    # Its parents ended before they heard of the child: it finds them in history.
    assert [tuple(row) for row in await db.fetch("find_dependency_work", limit=10)] == [("child", child)]
    assert [row[:2] for row in map(tuple, await db.fetch("resolve_children", ids=[child]))] == [(child, "queued")]
    assert (await db.fetch("get_batch", batch_id="b"))[0][1] == 4


@pytest.mark.parametrize("level", LEVELS)
async def test_callers_who_want_one_key_wait_for_it_without_a_lock(
    monkeypatch: pytest.MonkeyPatch, url: str, db: Database, level: str
) -> None:
    monkeypatch.setattr(mysql_callers, "WAIT_SECONDS", 0.0)  # one look

    async def add(session: Session, ref_id: str) -> list[str]:
        return [row[0] for row in await session.fetch("add_refs", refs=Table(("ref_id", "job_id"), [(ref_id, 1)]))]

    async with (
        caller(url, db, level) as (first, one),
        caller(url, db, level) as (second, two),
        caller(url, db, level) as (third, three),
    ):
        assert await add(one, "k") == ["k"]
        # Not there for the others, and not to be had.
        for session in (two, three):
            assert list(await session.fetch("find_refs", ref_ids=["k"])) == []
            assert await add(session, "k") == []
        # Meanwhile other keys beside it are free for everybody.
        assert await add(three, "j") == ["j"]
        assert await add(two, "l") == ["l"]
        async with db.transaction() as ours:
            assert await add(ours, "i") == ["i"]
        # Taken back: free for the next one, and still no gap is locked.
        await first.rollback()
        assert await add(two, "k") == ["k"]
        assert await add(three, "m") == ["m"]
        async with db.transaction() as ours:
            assert await add(ours, "h") == ["h"]
        await second.commit()
        assert await add(three, "k") == []
        await third.commit()
    assert {row[0] for row in await db.fetch("find_refs", ref_ids=list("hijklm"))} == set("hijklm")


async def test_a_wait_for_a_key_holds_no_other_key_up(url: str, db: Database) -> None:
    raw = Raw("mysql", url)

    async def ours(ref_id: str) -> list[str]:
        async with db.transaction() as session:
            added = await session.fetch("add_refs", refs=Table(("ref_id", "job_id"), [(ref_id, 1)]))
            return [row[0] for row in added]

    async with asyncio.TaskGroup() as tasks, caller(url, db, "REPEATABLE READ") as (own, session):
        await session.fetch("add_refs", refs=Table(("ref_id", "job_id"), [("k", 1)]))
        waiting = tasks.create_task(ours("k"))
        await eventually(raw.somebody_waits_for_a_lock, "our enqueue waits for the caller's transaction")
        assert await ours("j") == ["j"]
        assert await ours("l") == ["l"]
        await own.rollback()
        assert await waiting == ["k"]
