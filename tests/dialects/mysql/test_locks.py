"""MySQL and MariaDB: a row that somebody has locked is passed by, and had at the next look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from dbjobs.store.database import Database
from dbjobs.store.statements import Table
from tests.conformance.helpers import eventually
from tests.conformance.raw import Raw
from tests.dialects.mysql.statements import cancel, claim, claim_lanes, finish, impatient, insert

pytestmark = pytest.mark.dialect("mysql")


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    async with impatient(url) as opened:
        yield opened


@pytest.fixture
async def node(db: Database) -> int:
    return await register(db)


async def register(db: Database) -> int:
    return int((await db.fetch("register_node", name="n", lease_seconds=3600.0, info="{}"))[0][0])


@asynccontextmanager
async def locked(url: str, table: str, where: str) -> AsyncIterator[None]:
    """Somebody's open transaction has locked these rows."""
    async with Raw("mysql", url).connection() as own:
        await own.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")  # rows, not the gaps around them
        await own.begin()
        await own.execute(f"SELECT 1 FROM dbjobs_{table} WHERE {where} FOR UPDATE")
        yield
        await own.rollback()


def ids(rows: Sequence[Any]) -> set[int]:
    return {row[0] for row in rows}


async def depend(db: Database, child: int, *parents: int) -> None:
    edges = [(parent, child) for parent in parents]
    await db.fetch("add_dependencies", edges=Table(("parent_id", "child_id"), edges))


async def resolve(db: Database, *children: int) -> list[tuple[int, str, int | None]]:
    return [(row[0], row[1], row[5]) for row in await db.fetch("resolve_children", ids=children)]


async def release(db: Database, *parents: int) -> list[tuple[int, str, int | None]]:
    rows = await db.fetch("release_children", parents=parents, limit=100)
    return [(row[0], row[1], row[5]) for row in rows]


async def work(db: Database) -> set[tuple[str, int]]:
    return {(row[0], row[1]) for row in await db.fetch("find_dependency_work", limit=100)}


async def test_claims_pass_by_what_is_locked(url: str, db: Database, node: int) -> None:
    free, other = await insert(db, 2)
    head, behind = await insert(db, 2, worker="a")
    (alone,) = await insert(db, worker="b")
    async with locked(url, "background_job", f"id = {free}"), locked(url, "background_job", f"id = {head}"):
        assert ids(await claim(db, node)) == {other}
        # Not the job behind the locked one: a lane keeps its order. Nor is the lane taken.
        assert ids(await claim_lanes(db, node)) == {alone}
        assert [row[0] for row in await db.fetch("find_held_workers", node_id=node)] == ["b"]
    assert ids(await claim(db, node)) == {free}
    assert ids(await claim_lanes(db, node)) == {head, behind}


async def test_a_run_ends_before_a_locked_job(url: str, db: Database, node: int) -> None:
    jobs = await insert(db, 4, worker="a")
    async with locked(url, "background_job", f"id = {jobs[2]}"):
        assert ids(await claim_lanes(db, node)) == set(jobs[:2])


async def test_due_jobs_are_promoted_around_a_locked_one(url: str, db: Database, node: int) -> None:
    first, second = await insert(db, 2, delay_seconds=0.05)
    await anyio.sleep(0.1)  # what is due is told by the server's clock
    async with locked(url, "background_job", f"id = {first}"):
        assert ids(await db.fetch("promote_jobs", limit=10)) == {second}
    assert ids(await db.fetch("promote_jobs", limit=10)) == {first}


async def test_cancelling_passes_by_what_is_locked(url: str, db: Database, node: int) -> None:
    first, second = await insert(db, 2)
    async with locked(url, "background_job", f"id = {first}"):
        assert await cancel(db, [first, second]) == {second: "cancelled"}
    assert await cancel(db, [first, second]) == {first: "cancelled"}


async def test_children_of_locked_parents_stay_unresolved(url: str, db: Database, node: int) -> None:
    parent, other = await insert(db, 2)
    (child,) = await insert(db, pending=2)
    await depend(db, child, parent, other)
    async with locked(url, "background_job", f"id = {parent}"):
        assert await resolve(db, child) == []
        assert await work(db) == {("child", child)}
    async with locked(url, "background_job", f"id = {child}"):
        assert await resolve(db, child) == []
    assert await resolve(db, child) == [(child, "waiting", None)]
    assert await work(db) == set()


async def test_locked_children_are_released_later(url: str, db: Database, node: int) -> None:
    (parent,) = await insert(db)
    children = await insert(db, 3, pending=1)
    for child in children:
        await depend(db, child, parent)
    await resolve(db, *children)
    await finish(db, node, await claim(db, node))
    async with locked(url, "ended_parent", f"parent_id = {parent}"):
        assert await release(db, parent) == []
    async with locked(url, "background_job", f"id = {children[1]}"):
        assert await release(db, parent) == [(children[0], "queued", None), (children[2], "queued", None)]
        assert await work(db) == {("parent", parent)}
    assert await release(db, parent) == [(children[1], "queued", None)]
    assert await work(db) == set()


async def test_a_finish_waits_for_no_child_and_no_counter(url: str, db: Database, node: int) -> None:
    (parent,) = await insert(db, batch_id="b")
    (child,) = await insert(db, pending=1)
    await depend(db, child, parent)
    await resolve(db, child)
    other = await register(db)
    await finish(db, other, await claim(db, other, 0))
    await db.fetch("add_to_batches", counts=Table(("batch_id", "total"), [("b", 1)]))
    claimed = await claim(db, node)
    async with (
        locked(url, "background_job", f"id = {child}"),
        locked(url, "job_batch", "batch_id = 'b'"),
        locked(url, "job_dependency", f"parent_id = {parent}"),
    ):
        assert await finish(db, node, claimed) == {parent}
        assert tuple((await db.fetch("get_batch", batch_id="b"))[0])[1:5] == (1, 1, 0, 0)
        assert (await db.fetch("fold_batches", limit=10))[0][0] == 1  # the row that nobody has locked
    assert (await db.fetch("fold_batches", limit=10))[0][0] == 1
    assert tuple((await db.fetch("get_batch", batch_id="b"))[0])[1:5] == (1, 1, 0, 0)


async def test_a_rescue_goes_on_around_a_locked_job(url: str, db: Database, node: int) -> None:
    first, second = await insert(db, 2)
    (laned,) = await insert(db, worker="a")
    claimed = [*await claim(db, node), *await claim_lanes(db, node)]
    await db.fetch("heartbeat", node_id=node, lease_seconds=-1.0, info="{}")
    async with locked(url, "job_node", f"id = {node}"):
        assert list(await db.fetch("bury_node", node_id=node)) == []
    assert ids(await db.fetch("bury_node", node_id=node)) == {node}
    assert list(await db.fetch("heartbeat", node_id=node, lease_seconds=9.0, info="{}")) == []
    assert await claim(db, node) == []
    async with locked(url, "background_job", f"id = {first}"):
        held = await db.fetch("find_held", node_id=node, limit=10)
        assert ids(held) == {second, laned}
        assert await finish(db, node, [job for job in claimed if job[0] != first], "failed", release=False) == ids(held)
        # It stays whole while it holds a job: its lane is not free before.
        assert list(await db.fetch("remove_node", node_id=node)) == []
        assert [row[0] for row in await db.fetch("find_held_workers", node_id=node)] == ["a"]
    assert await finish(db, node, claimed, "failed", release=False) == {first}
    async with locked(url, "job_worker", "worker = 'a'"):
        assert list(await db.fetch("remove_node", node_id=node)) == []
    assert ids(await db.fetch("remove_node", node_id=node)) == {node}
    assert list(await db.fetch("find_orphans")) == []


RETRY = ("id", "attempt", "delay_seconds", "error_code", "error", "failure", "block_worker", "release_worker")


@pytest.mark.parametrize("first", ["cancel", "retry"])
async def test_a_cancel_at_the_moment_of_a_retry_is_not_missed(url: str, db: Database, node: int, first: str) -> None:
    """Both want the row at once: one has it, the other decides on what the first has made of it."""
    (job,) = await insert(db)
    (claimed,) = await claim(db, node)
    outcomes = Table(RETRY, [(job, claimed[1], 60.0, "e", "e", "[]", False, False)])

    async def retry() -> set[int]:
        return ids(await db.fetch("retry_jobs", node_id=node, counter=node, outcomes=outcomes))

    if first == "cancel":
        assert await cancel(db, [job]) == {job: "started"}
        assert await retry() == set()
        return
    retried: list[set[int]] = []
    raw = Raw("mysql", url)
    async with anyio.create_task_group() as tasks, locked(url, "background_job", f"id = {job}"):

        async def note(work: Callable[[], Awaitable[set[int]]]) -> None:
            retried.append(await work())

        tasks.start_soon(note, retry)
        await eventually(raw.somebody_waits_for_a_lock, "the retry waits for the row")
        assert await cancel(db, [job]) == {}  # locked: told so, to be tried again
    assert retried == [{job}]
    assert await cancel(db, [job]) == {job: "cancelled"}


async def test_folding_minutes_passes_by_what_is_locked(url: str, db: Database, node: int) -> None:
    raw = Raw("mysql", url)
    for counter in (5, -7):
        await raw.rows(
            "INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed) "
            f"VALUES (UTC_TIMESTAMP() - INTERVAL 5 DAY, 'q', 'c', {counter}, 1)"
        )
    async with locked(url, "job_stat", "counter = 5"):
        await db.fetch("fold_stats", hours=1, kept=48)
        assert set(await raw.rows("SELECT counter, completed FROM dbjobs.job_stat")) == {(0, 1), (5, 1)}
    await db.fetch("fold_stats", hours=1, kept=48)
    assert await raw.rows("SELECT counter, completed FROM dbjobs.job_stat") == [(0, 2)]
