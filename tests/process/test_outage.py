"""While the database is away for longer than a lease, a worker stops its jobs in time; then it goes on by itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from dbjobs import JobRef, Jobs, JobState
from tests.conformance.helpers import eventually, wait_all
from tests.process.app import Work
from tests.process.workers import LEASE_SECONDS, Workers, answers, assert_all_done_once, assert_lanes_kept
from tests.servers import ThrowawayServer
from tests.servers.processes import Spawn

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres", "mysql")]

# They would run for longer than a test, unless they are stopped; then they are run again, which takes a moment.
LONG = Work(600.0, again_seconds=0.2)


async def start_long_jobs(
    jobs: Jobs, workers: Workers, lease_seconds: float = LEASE_SECONDS
) -> tuple[list[JobRef], list[JobRef]]:
    """Free jobs and a lane, longer than a lease; returns when two workers are at it."""
    jobs.declare("work", retry_limit=20)
    lane = await jobs.enqueue_many("work", [LONG, Work(0.01), Work(0.01)], worker="w")
    free = await jobs.enqueue_many("work", [LONG] * 5)
    for _ in range(2):
        workers.start("concurrency=5", f"lease_seconds={lease_seconds}")
    await workers.wait_lines("start", 6)
    return free, lane


async def assert_fenced(workers: Workers, away: float, lease_seconds: float = LEASE_SECONDS) -> None:
    """The six that ran have been stopped, before anybody else may take them."""
    await workers.wait_lines("cancelled", 6)
    late = [line for line in workers.lines("cancelled") if line.at > away + lease_seconds * 0.9]
    assert late == [], f"the lease was over at {away + lease_seconds:.2f}"


async def assert_recovered(jobs: Jobs, workers: Workers, free: list[JobRef], lane: list[JobRef]) -> None:
    await wait_all(jobs, [*free, *lane])
    await assert_all_done_once(jobs, workers, [*free, *lane])
    assert_lanes_kept(workers, {"w": lane, **{f"job {ref.id}": [ref] for ref in free}})
    await eventually(lambda: two_nodes(jobs), "both are there under new ids, and the old ones are buried")
    assert not await jobs.list(state=JobState.STARTED)


async def two_nodes(jobs: Jobs) -> bool:
    return sum([node.alive for node in await jobs.nodes()]) == 2 == len(await jobs.nodes())


async def test_a_server_that_is_down_for_longer_than_a_lease(
    server: ThrowawayServer, spawn: Spawn, tmp_path: Path
) -> None:
    url = server.create_database("app")
    workers = Workers(spawn, url, tmp_path)
    async with Jobs(url) as jobs:
        free, lane = await start_long_jobs(jobs, workers)
        await asyncio.to_thread(server.stop, "immediate")
        await assert_fenced(workers, time.monotonic())
        await asyncio.to_thread(server.start)
        await eventually(lambda: answers(jobs), "the client is connected again")
        await assert_recovered(jobs, workers, free, lane)


async def test_a_server_that_hangs_for_longer_than_a_lease(
    server: ThrowawayServer, spawn: Spawn, tmp_path: Path
) -> None:
    await go_through_a_hang(server, spawn, tmp_path, LEASE_SECONDS)


@pytest.mark.once
async def test_a_lease_is_as_long_as_it_was_set(server: ThrowawayServer, spawn: Spawn, tmp_path: Path) -> None:
    await go_through_a_hang(server, spawn, tmp_path, 2 * LEASE_SECONDS)


async def go_through_a_hang(server: ThrowawayServer, spawn: Spawn, folder: Path, lease_seconds: float) -> None:
    """No connection breaks and no answer comes."""
    url = server.create_database("app")
    workers = Workers(spawn, url, folder)
    async with Jobs(url) as jobs:
        free, lane = await start_long_jobs(jobs, workers, lease_seconds)
        with server.frozen():
            await assert_fenced(workers, time.monotonic(), lease_seconds)
        await eventually(lambda: answers(jobs), "the client is connected again")
        await assert_recovered(jobs, workers, free, lane)
