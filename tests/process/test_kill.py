"""A worker process that is killed loses no job and finishes none twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter

import pytest

from dbjobs import JobRef, Jobs
from tests.conformance.helpers import eventually, wait_all
from tests.conformance.raw import Raw
from tests.process.app import Work
from tests.process.workers import LEASE_SECONDS, Workers, assert_all_done_once, assert_lanes_kept
from tests.servers import Target

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def enqueue_all(jobs: Jobs, free: int, lanes: int, per_lane: int) -> tuple[list[JobRef], dict[str, list[JobRef]]]:
    jobs.declare("work", retry_limit=20)
    by_lane: dict[str, list[JobRef]] = {}
    for lane in range(lanes):
        by_lane[f"lane {lane}"] = await jobs.enqueue_many("work", [Work(0.01)] * per_lane, worker=f"lane {lane}")
    refs = await jobs.enqueue_many("work", [Work(0.004 * (number % 8)) for number in range(free)])
    return refs + [ref for several in by_lane.values() for ref in several], by_lane


async def test_one_of_two_killed_in_mid_drain(target: Target, url: str, workers: Workers) -> None:
    raw = Raw(target.dialect, url)
    async with Jobs(url) as jobs:
        refs, lanes = await enqueue_all(jobs, free=2000, lanes=20, per_lane=20)
        doomed, other = workers.start("concurrency=10"), workers.start("concurrency=10")
        await eventually(
            lambda: {line.pid for line in workers.lines("end")} == {doomed.pid, other.pid}, "both are at work"
        )
        await workers.wait_lines("end", 200)
        os.kill(doomed.pid, signal.SIGKILL)
        killed = time.monotonic()
        doomed.wait()
        dead_node = next(node.id for node in await jobs.nodes() if node.name.endswith(f":{doomed.pid}"))
        held = await raw.rows(f"SELECT id FROM dbjobs.background_job WHERE node_id = {dead_node}")
        assert held, "it was killed when it had nothing to do"
        await eventually(lambda: one_node(jobs), "the dead node is buried", timeout=LEASE_SECONDS + 3)
        assert time.monotonic() - killed > LEASE_SECONDS * 0.5, "it was buried while its lease held"
        await wait_all(jobs, refs)
        assert await raw.rows("SELECT id FROM dbjobs.background_job") == []
        assert await raw.rows(f"SELECT * FROM dbjobs.job_worker WHERE node_id = {dead_node}") == []
        await assert_all_done_once(jobs, workers, refs)
        assert_lanes_kept(workers, lanes, {doomed.pid: killed})
        starts = workers.lines("start")
        counts = Counter(line.job for line in starts)
        twice = {job for job, count in counts.items() if count > 1}
        assert twice <= {line.job for line in starts if line.pid == doomed.pid}
        # What it held was at the head of its queue, and runs again when its lease is over and not much later.
        later = {line.job: line.at - killed for line in starts if line.pid == other.pid}
        in_lanes = lane_jobs(lanes)
        waits = [later[id] for (id,) in held if id not in in_lanes]
        assert max(waits, default=0.0) < LEASE_SECONDS + 3


async def test_all_killed_and_a_new_one_started(url: str, workers: Workers) -> None:
    async with Jobs(url) as jobs:
        refs, lanes = await enqueue_all(jobs, free=200, lanes=4, per_lane=15)
        killed_at: dict[int, float] = {}
        for number in range(3):
            process = workers.start("concurrency=10")
            await workers.wait_lines("end", 40 * (number + 1))
            os.kill(process.pid, signal.SIGKILL)
            killed_at[process.pid] = time.monotonic()
            process.wait()
        workers.start("concurrency=20")
        await wait_all(jobs, refs)
        await assert_all_done_once(jobs, workers, refs)
        assert_lanes_kept(workers, lanes, killed_at)
        await eventually(lambda: one_node(jobs), "the dead nodes are buried")


async def one_node(jobs: Jobs) -> bool:
    return len(await jobs.nodes()) == 1


async def test_a_process_that_sleeps_through_its_lease_comes_back_harmless(
    target: Target, url: str, workers: Workers
) -> None:
    """Stopped and continued, as by a suspended machine: what it held runs elsewhere, what it then writes is refused."""
    raw = Raw(target.dialect, url)
    async with Jobs(url) as jobs:
        refs, lanes = await enqueue_all(jobs, free=60, lanes=4, per_lane=60)
        sleeper = workers.start("concurrency=10")
        await workers.wait_lines("end", 20)
        await eventually(lambda: put_to_sleep(sleeper.pid, raw), "it is stopped when it holds no lock")
        asleep = time.monotonic()
        workers.start("concurrency=10")
        try:
            await eventually(lambda: any(line.attempt > 1 for line in workers.lines("start")), "its jobs run elsewhere")
            assert time.monotonic() - asleep > LEASE_SECONDS * 0.5
        finally:
            os.kill(sleeper.pid, signal.SIGCONT)
        await wait_all(jobs, refs)
        await assert_all_done_once(jobs, workers, refs)
        # What it was running when it fell asleep may overlap; it must begin nothing that is no longer its own.
        late = [line for line in workers.lines("start") if line.pid == sleeper.pid and line.job in lane_jobs(lanes)]
        again = {line.job for line in workers.lines("start") if line.pid != sleeper.pid and line.attempt > 1}
        stolen = [line for line in late if line.job in again and line.at > asleep + LEASE_SECONDS]
        assert stolen == [], "it started lane jobs that another node had taken over"
        await eventually(lambda: two_nodes_alive(jobs), "it is back under a new id")


async def put_to_sleep(pid: int, raw: Raw) -> bool:
    """Stop a process, unless that is in the middle of a transaction: then nobody else could write either."""
    os.kill(pid, signal.SIGSTOP)
    await asyncio.to_thread(os.waitpid, pid, os.WUNTRACED)
    if not await raw.somebody_is_in_a_transaction():
        return True
    os.kill(pid, signal.SIGCONT)
    return False


def lane_jobs(lanes: dict[str, list[JobRef]]) -> set[int]:
    return {ref.id for refs in lanes.values() for ref in refs}


async def two_nodes_alive(jobs: Jobs) -> bool:
    await asyncio.sleep(0)
    return sum(node.alive for node in await jobs.nodes()) == 2
