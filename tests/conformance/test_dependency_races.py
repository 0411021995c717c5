"""Children that are enqueued while their parents end, on several nodes, are released or cancelled: never stranded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.settlement import settle_in
from tests.conformance.helpers import Gate, eventually, nodes, state_of, wait_all
from tests.conformance.raw import Raw


async def echo(request: Any) -> Any:
    return request


async def fail() -> None:
    raise ValueError("no")


def register(jobs: Jobs) -> None:
    jobs.command(echo)
    jobs.command(retry_limit=0)(fail)


@pytest.mark.parametrize("command", ["echo", "fail"])
async def test_a_child_enqueued_while_its_parent_finishes(url: str, command: str) -> None:
    async with nodes(url, 2, register) as (one, other):

        async def round_(number: int) -> JobState:
            parent = await one.enqueue(command)
            for _ in range(number % 7):
                await asyncio.sleep(0.0005)
            child = await other.enqueue(echo, depends_on=parent)
            return (await one.wait(child, timeout=20)).state

        states: set[JobState] = set()
        for start in range(0, 200, 20):
            states |= set(await asyncio.gather(*(round_(start + number) for number in range(20))))
    assert states == {JobState.COMPLETED if command == "echo" else JobState.CANCELLED}


@pytest.mark.parametrize("command", ["echo", "fail"])
async def test_a_parent_that_finishes_while_its_child_is_not_committed_yet(url: str, raw: Raw, command: str) -> None:
    gate = Gate()

    def register_gated(jobs: Jobs) -> None:
        jobs.command(echo)

        @jobs.command(retry_limit=0)
        async def gated() -> None:
            await gate()
            if command == "fail":
                raise ValueError("no")

    async with nodes(url, 1, register_gated) as (jobs,), raw.connection() as own:
        parent = await jobs.enqueue("gated")
        await gate.wait_entered()
        await own.begin()
        child = await jobs.enqueue(echo, depends_on=parent, connection=own.driver)
        gate.open()
        if raw.dialect == "sqlite":  # the caller's transaction excludes every other writer
            engine = jobs._client.engine
            assert engine is not None
            await eventually(lambda: len(engine._finisher) > 0, "the parent's outcome is being written")
        else:
            await jobs.wait(parent, timeout=10)
        await own.commit()
        expected = JobState.COMPLETED if command == "echo" else JobState.CANCELLED
        assert (await jobs.wait(child, timeout=10)).state is expected


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_child_enqueued_while_its_parent_s_end_is_not_committed_yet(url: str, jobs: Jobs) -> None:
    """It waits for nobody, and stays unresolved until that commit: the parent's row is locked until then."""
    register(jobs)
    db = make_database(url)
    await db.open()
    try:
        async with jobs:
            parent = await jobs.enqueue(echo)
            node = await repository.register_node(db, "test", 60, "{}")
            (claimed,) = await repository.claim_jobs(db, node, [("default", 1, -1, 0)], 1, ["echo"])
            async with db.transaction() as session:
                ended = Outcome(id=claimed.id, attempt=claimed.attempt, kind="completed")
                await settle_in(session, node, [ended])
                child = await asyncio.wait_for(jobs.enqueue(echo, depends_on=parent), 5)
                assert await repository.find_dependency_work(db, 10) == ([], [child.id])
                assert await state_of(jobs, child) is JobState.WAITING
            await Follower(db, children=[child.id]).run()
            assert await state_of(jobs, child) is JobState.QUEUED
            assert await repository.find_dependency_work(db, 10) == ([], [])
    finally:
        await db.close()


async def test_parents_that_finish_at_the_same_moment_on_two_nodes(url: str) -> None:
    async with nodes(url, 2, register) as (one, other):
        for _ in range(15):
            parents = [await one.enqueue(echo, run_after=0.03) for _ in range(6)]
            children = await asyncio.gather(
                *((one, other)[number % 2].enqueue(echo, depends_on=parents) for number in range(6))
            )
            assert {job.state for job in await wait_all(one, children)} == {JobState.COMPLETED}


async def test_a_parent_cancelled_while_children_come(url: str) -> None:
    async with nodes(url, 2, register) as (one, other):
        for _ in range(15):
            parent = await one.enqueue(echo, run_after=60)
            cancelling = asyncio.create_task(one.cancel(parent))
            children = await asyncio.gather(*(other.enqueue(echo, depends_on=parent) for _ in range(5)))
            await cancelling
            assert {job.state for job in await wait_all(one, children)} == {JobState.CANCELLED}
