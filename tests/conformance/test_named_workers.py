"""Jobs of one named worker run one at a time and in order, over any number of nodes; no lane starves."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.database import make_database
from tests.conformance.helpers import Gate, Runs, nodes, soon, stop_heartbeat, wait_all
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_lanes_keep_order_and_never_overlap(url: str, count: int) -> None:
    runs = Runs()
    by_lane: dict[str, list[int]] = defaultdict(list)

    async def note(request: int, job: JobContext) -> None:
        with runs.run(request, job.worker):
            by_lane[job.worker or ""].append(request)
            await asyncio.sleep(random.random() * 0.004)

    async with nodes(url, count, lambda jobs: jobs.command(note), concurrency=20) as started:
        refs = []
        for number in range(25):
            for lane in range(12):
                refs.append(started[number % count].enqueue(note, number * 100 + lane, worker=f"lane {lane}"))
        # One after another for each lane, lanes together: the order of a lane is the order of its enqueues.
        stored = []
        for start in range(0, len(refs), 12):
            stored += await asyncio.gather(*refs[start : start + 12])
        await wait_all(started[0], stored)
    assert max(runs.most.values()) == 1
    assert len(by_lane) == 12
    for requests in by_lane.values():
        assert requests == sorted(requests)
        assert len(requests) == 25


async def test_a_lane_s_order_is_priority_and_then_age(jobs: Jobs) -> None:
    order: list[str] = []

    @jobs.command
    async def note(request: str) -> None:
        order.append(request)

    async with jobs:
        refs = [
            await jobs.enqueue(note, name, worker="w", priority=priority)
            for name, priority in [("c", 1), ("a", -1), ("d", 1), ("b", 0)]
        ]
        async with jobs.start():
            await wait_all(jobs, refs)
    assert order == ["a", "b", "c", "d"]


async def test_two_hundred_lanes_all_get_their_turns(jobs: Jobs) -> None:
    """Many jobs in the first lanes must not keep the last ones waiting."""
    heavy_done = 0
    heavy_done_at_last_light = 0

    @jobs.command
    async def heavy() -> None:
        nonlocal heavy_done
        heavy_done += 1
        await asyncio.sleep(0.002)

    @jobs.command
    async def light() -> None:
        nonlocal heavy_done_at_last_light
        heavy_done_at_last_light = heavy_done

    async with jobs:
        refs = []
        for lane in range(8):
            refs += await jobs.enqueue_many(heavy, [None] * 250, worker=f"lane {lane:03}")
        refs += await asyncio.gather(*(jobs.enqueue(light, worker=f"lane {lane:03}") for lane in range(8, 200)))
        async with jobs.start(concurrency=8):
            await wait_all(jobs, refs)
    assert heavy_done == 2000
    assert heavy_done_at_last_light < 1500, "light lanes waited for the heavy ones in front of them"


async def test_a_long_lane_goes_on_without_a_pause(jobs: Jobs, no_polling: None) -> None:
    """A lane's backlog is claimed in runs; between two runs there is no wait for a poll."""

    @jobs.command
    async def work() -> None:
        await asyncio.sleep(0.02)

    async with jobs:
        refs = [await jobs.enqueue(work, worker="w") for _ in range(60)]
        async with jobs.start():
            await wait_all(jobs, refs)


async def test_a_job_that_comes_while_its_lane_runs_starts_when_the_lane_is_free(jobs: Jobs, no_polling: None) -> None:
    """Not at the next poll: its wake-up came too early, when the lane was still taken."""

    @jobs.command
    async def work() -> None:
        await asyncio.sleep(0.02)

    async with jobs.start():
        for _ in range(10):
            refs = [await jobs.enqueue(work, worker="w") for _ in range(2)]
            await wait_all(jobs, refs)


async def test_a_long_lane_and_a_blocked_lane_do_not_hold_others_up(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)

    @jobs.command
    async def quick() -> None: ...

    async with jobs.start(concurrency=4):
        slow = [await jobs.enqueue("slow", worker="slow") for _ in range(5)]
        await gate.wait_entered()
        await wait_all(jobs, [await jobs.enqueue(quick, worker=f"w{number}") for number in range(50)])
        assert gate.inside == 1
        gate.open()
        await wait_all(jobs, slow)


async def test_a_lane_behind_many_that_nobody_here_can_run_does_not_starve(jobs: Jobs) -> None:
    jobs.declare("elsewhere")

    @jobs.command
    async def here() -> None: ...

    async with jobs:
        await asyncio.gather(*(jobs.enqueue("elsewhere", worker=f"a{number:04}") for number in range(1200)))
        async with jobs.start(concurrency=10):
            ref = await jobs.enqueue(here, worker="z")
            assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_a_head_that_this_node_does_not_know_keeps_its_place(url: str, jobs: Jobs) -> None:
    order: list[str] = []
    jobs.declare("elsewhere")

    @jobs.command
    async def here(request: str) -> None:
        order.append(request)

    def register_both(other: Jobs) -> None:
        async def elsewhere(request: str) -> None:
            order.append(request)

        other.command(elsewhere)

    async with jobs.start():
        refs = [
            await jobs.enqueue(here, "1", worker="w"),
            await jobs.enqueue("elsewhere", "2", worker="w"),
            await jobs.enqueue(here, "3", worker="w"),
        ]
        await jobs.wait(refs[0], timeout=10)
        other = await jobs.enqueue(here, "free")
        await jobs.wait(other, timeout=10)
        assert "3" not in order
        async with nodes(url, 1, register_both):
            await wait_all(jobs, refs)
    assert [entry for entry in order if entry != "free"] == ["1", "2", "3"]


async def test_lanes_and_free_jobs_share_a_node(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    async with jobs.start(concurrency=4):
        refs = []
        for number in range(150):
            refs.append(await jobs.enqueue(work, worker=f"w{number % 7}" if number % 2 else None))
        assert {job.state for job in await wait_all(jobs, refs)} == {JobState.COMPLETED}


async def test_a_dead_node_s_lane_goes_on_elsewhere_in_order(url: str) -> None:
    order: list[tuple[str, int]] = []
    gate = Gate()
    runs = Runs()

    def register_as(name: str) -> Any:
        def register(jobs: Jobs) -> None:
            @jobs.command
            async def work(request: int) -> None:
                with runs.run(request, name):
                    order.append((name, request))
                    if name == "dying":
                        await gate()

        return register

    async with nodes(url, 1, register_as("dying"), lease_seconds=1, grace_seconds=0) as (dying,):
        refs = [await dying.enqueue("work", number, worker="w") for number in range(10)]
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, register_as("other"), lease_seconds=1) as (other,):
            await wait_all(other, refs)
    assert order == [("dying", 0), *(("other", number) for number in range(10))]


async def test_every_lane_is_free_again_when_all_is_done(url: str) -> None:
    """A lane that is left taken would be stuck for good: run it dry and use it again, from another node."""

    async def work(request: int) -> None:
        if request % 5 == 0:
            raise ValueError("no")

    def register(jobs: Jobs) -> None:
        jobs.command(retry_limit=0)(work)

    for _ in range(3):
        async with nodes(url, 2, register, grace_seconds=0) as (one, other):
            refs = [await one.enqueue(work, number, worker=f"w{number % 10}") for number in range(60)]
            await wait_all(other, refs)


async def test_a_handler_may_enqueue_into_its_own_lane(jobs: Jobs) -> None:
    done = asyncio.Event()

    @jobs.command
    async def count_down(request: int) -> None:
        if request:
            await jobs.enqueue(count_down, request - 1, worker="w")
        else:
            done.set()

    async with jobs.start():
        await jobs.enqueue(count_down, 30, worker="w")
        await soon(done, "the last of the chain runs")


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_lane_whose_head_is_locked_is_passed_by(url: str, raw: Raw, jobs: Jobs) -> None:
    """And with it all that is behind the head: taking that would break the order. Other lanes are claimed."""
    jobs.command(name="work")(lambda: None)
    table = "dbjobs.background_job" if raw.dialect in ("postgres", "sqlserver") else "dbjobs_background_job"
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 60.0, "{}")
            locked = [await jobs.enqueue("work", worker="locked") for _ in range(3)]
            middle = [await jobs.enqueue("work", worker="middle") for _ in range(3)]
            free = [await jobs.enqueue("work", worker="free") for _ in range(3)]

            async def claim() -> dict[str | None, list[int]]:
                claimed, empty = await asyncio.wait_for(
                    repository.claim_lanes(
                        db, node, after_worker="", lanes=9, run_length=5, scan_limit=100, queues=["default"],
                        commands=["work"],
                    ), 5,
                )  # fmt: skip
                await repository.release_workers(db, node, empty)
                lanes: dict[str | None, list[int]] = {}
                for job in sorted(claimed, key=lambda job: job.id):
                    lanes.setdefault(job.worker, []).append(job.id)
                return lanes

            async with raw.connection() as own:
                await own.begin()
                for id in (locked[0].id, middle[1].id):
                    await own.execute(f"UPDATE {table} SET status = 'locked' WHERE id = {id}")
                assert await claim() == {"middle": [middle[0].id], "free": [ref.id for ref in free]}
                await own.rollback()
            assert await claim() == {"locked": [ref.id for ref in locked]}
        finally:
            await db.close()
