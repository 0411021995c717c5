"""What a job costs does not go with the number of names: a queue for each tenant is a normal thing to have."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.engine.hot_queues import MOST_QUEUES
from dbjobs.store import repository
from tests.conformance.helpers import START, wait_all

NAMES = 3_000
USED = 250


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The queues of each claim from now on."""
    claims: list[list[str]] = []
    claim_jobs = repository.claim_jobs

    async def claim(db: Any, node_id: int, wanted: Sequence[Any], room: int, commands: Sequence[str]) -> Any:
        claims.append([queue for queue, *_ in wanted])
        return await claim_jobs(db, node_id, wanted, room, commands)

    monkeypatch.setattr(repository, "claim_jobs", claim)
    return claims


async def work() -> None: ...


async def make_names(jobs: Jobs) -> None:
    await repository.add_queues(jobs._client.db, [f"tenant {n:04}" for n in range(NAMES)])


async def test_a_claim_asks_for_queues_with_work_and_not_for_every_name(jobs: Jobs, asked: list[list[str]]) -> None:
    jobs.command(work)
    async with jobs:
        await make_names(jobs)
        async with jobs.start():
            await wait_all(jobs, [await jobs.enqueue(work, queue="tenant 1234") for _ in range(5)])
        assert {queue for queues in asked for queue in queues} == {"tenant 1234"}


async def test_jobs_of_many_queues_are_found_without_news(jobs: Jobs, asked: list[list[str]], url: str) -> None:
    """They were enqueued before the node started, so nobody named them."""
    jobs.command(work)
    client = Jobs(url)
    client.command(work)
    async with client, jobs:
        refs = [await client.enqueue(work, queue=f"tenant {n:04}") for n in range(USED)]
        async with jobs.start():
            await wait_all(jobs, refs)
    assert max(map(len, asked)) <= MOST_QUEUES


async def test_a_long_queue_lets_the_short_ones_have_their_turn(jobs: Jobs) -> None:
    order: list[str] = []

    @jobs.command
    async def note(request: str) -> None:
        order.append(request)

    async with jobs:
        refs = await jobs.enqueue_many(note, ["long"] * 2_000, queue="a")
        refs += [await jobs.enqueue(note, "short", queue=f"tenant {n:04}") for n in range(USED)]
        refs += await jobs.enqueue_many(note, ["long"] * 2_000, queue="z")
        async with jobs.start(concurrency=10):
            await wait_all(jobs, refs)
    last_short = len(order) - order[::-1].index("short")
    assert last_short < 3_500


async def test_two_claims_at_once_share_queues_but_no_job(jobs: Jobs) -> None:
    """Neither waits for the other, and each keeps to the order of the queues and to its room."""
    jobs.command(work)
    async with jobs:
        db = jobs._client.db
        if db.one_writer:
            pytest.skip("one claim at a time here")
        for queue in "xyz":
            await jobs.enqueue_many(work, [None] * 5, queue=queue)
        nodes = [await repository.register_node(db, name, 3600, "{}") for name in "ab"]
        async with db.transaction() as first:
            one = await repository.claim_jobs(first, nodes[0], [(q, 3, *START) for q in "zxy"], 7, ["work"])
            async with asyncio.timeout(10):
                two = await repository.claim_jobs(db, nodes[1], [(q, 9, *START) for q in "zxy"], 99, ["work"])
    assert sorted(job.queue for job in one) == ["x"] * 3 + ["y"] + ["z"] * 3
    assert not {job.id for job in one} & {job.id for job in two}
    assert sorted(job.queue for job in two)[:2] == ["x"] * 2


@pytest.mark.parametrize("kind", ["paused", "limited"])
async def test_settings_of_one_queue_hold_among_many(jobs: Jobs, kind: str, asked: list[list[str]]) -> None:
    jobs.command(work)
    async with jobs:
        await make_names(jobs)
        for lane in (None, "w"):
            name = f"tenant {7 if lane else 8:04}"
            await (jobs.queues.pause(name) if kind == "paused" else jobs.queues.limit(name, 1))
        async with jobs.start():
            refs = [
                await jobs.enqueue(work, queue=f"tenant {n:04}", worker=lane and f"{lane} {n}")
                for n in range(5, 10)
                for lane in (None, "w")
            ]
            if kind == "paused":
                free = [ref for at, ref in enumerate(refs) if at // 2 not in (2, 3)]
                await wait_all(jobs, free)
                assert not {"tenant 0007", "tenant 0008"} & {queue for queues in asked for queue in queues}
                for number in (7, 8):
                    await jobs.queues.resume(f"tenant {number:04}")
            await wait_all(jobs, refs)


async def test_lanes_of_many_limited_queues_are_all_served(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs:
        for number in range(50):
            await jobs.queues.limit(f"tenant {number:04}", 1)
        refs = [
            await jobs.enqueue(work, queue=f"tenant {n:04}", worker=f"lane {n} {k}") for n in range(50) for k in (1, 2)
        ]
        async with jobs.start():
            await wait_all(jobs, refs)
