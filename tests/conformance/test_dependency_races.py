"""Children that are enqueued while their parents end, on several nodes, are released or cancelled: never stranded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import nodes, wait_all


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
