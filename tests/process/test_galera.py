"""One node on each server of a Galera cluster: row locks are not shared there, and still no job is run by two."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from dbjobs import JobRef, Jobs
from dbjobs.errors import TransactionConflict
from dbjobs.store.database import Database, make_database
from dbjobs.store.repository import claim_jobs, count_live, register_node
from tests.conformance.helpers import START, eventually
from tests.conformance.raw import Raw
from tests.process.app import Work
from tests.process.workers import Workers, assert_all_done_once, assert_lanes_kept
from tests.servers import LeftOut
from tests.servers.galera import GaleraCluster
from tests.servers.processes import Spawn

VARIABLE = "DBJOBS_TEST_GALERA"
JOBS = 5100
CLAIMED_JOBS = 20_000

pytestmark = [
    pytest.mark.galera,
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"LEFT OUT: set {VARIABLE}=1 to start a Galera cluster"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[GaleraCluster]:
    """Three servers."""
    try:
        with GaleraCluster(3) as started:
            yield started
    except LeftOut as error:
        pytest.fail(f"Galera LEFT OUT: {error}", pytrace=False)


async def test_no_job_is_lost_or_run_by_two_nodes(cluster: GaleraCluster, spawn: Spawn, tmp_path: Path) -> None:
    urls = cluster.create_database("app")
    several = [Workers(spawn, url, tmp_path) for url in urls]  # one journal
    journal = several[0]
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(Jobs(url)) for url in urls]
        for caller in callers:
            caller.declare("work", retry_limit=20)
        jobs = callers[0]
        processes = [workers.start("concurrency=10", "lease_seconds=20") for workers in several]
        # A backlog, because nodes are most in each other's way where all of them claim from the same head.
        await jobs.queues.pause("default")
        refs: list[JobRef] = []
        async with anyio.create_task_group() as group:
            for caller in callers:
                group.start_soon(enqueue, caller, refs)
        lanes = {f"lane {n}": await jobs.enqueue_many("work", [Work(0.0)] * 20, worker=f"lane {n}") for n in range(5)}
        await jobs.queues.resume("default")
        everything = refs + [ref for lane in lanes.values() for ref in lane]
        assert len({ref.id for ref in everything}) == JOBS + 100
        await eventually(
            lambda: len({line.job for line in journal.lines("end")}) == len(everything), "all have run", timeout=240
        )
        await eventually(lambda: nothing_live(jobs), "all outcomes are written", timeout=60)
        await assert_all_done_once(jobs, journal, everything)
        assert_lanes_kept(journal, lanes)
        pids = defaultdict(set)
        for line in journal.lines("start"):
            pids[line.job].add(line.pid)
        assert {job: nodes for job, nodes in pids.items() if len(nodes) > 1} == {}, "jobs were run by two nodes"
        (nodes,) = await Raw("mysql", urls[0]).rows("SELECT COUNT(DISTINCT node_id) FROM dbjobs_completed_job")
        assert nodes[0] == 3, "a node has lost its lease"
        assert {pid for nodes in pids.values() for pid in nodes} == {process.pid for process in processes}
        assert [process.poll() for process in processes] == [None] * 3, "a worker ended"
    assert await status(urls, "wsrep_cluster_size") == [3, 3, 3]
    conflicts = await status(urls, "wsrep_local_bf_aborts") + await status(urls, "wsrep_local_cert_failures")
    assert sum(conflicts) > 0, "the servers were never in each other's way: this run proves nothing"


async def test_a_claim_that_the_cluster_aborts_hands_nothing_out(cluster: GaleraCluster) -> None:
    urls = cluster.create_database("claims")
    claims: Counter[int] = Counter()
    async with Jobs(urls[0]) as jobs, AsyncExitStack() as stack, anyio.create_task_group() as group:
        jobs.declare("work")
        refs = await jobs.enqueue_many("work", [Work(0.0)] * CLAIMED_JOBS)
        for url in urls:
            db = make_database(url)
            await db.open()
            stack.push_async_callback(db.close)
            group.start_soon(claim_all, db, claims)
    assert {ref.id for ref in refs} == set(claims)
    assert [job for job, times in claims.items() if times > 1] == [], "jobs were claimed by two nodes"
    assert sum(await status(urls, "wsrep_local_bf_aborts")) > 50, "the servers were hardly ever in each other's way"


async def claim_all(db: Database, claims: Counter[int]) -> None:
    """Claim a few at a time until none is left."""
    node = await register_node(db, "test", 3600, "{}")
    while True:
        try:
            claimed = await claim_jobs(db, node, [("default", 10, *START)], 10, ["work"])
        except TransactionConflict:
            continue
        claims.update(job.id for job in claimed)
        if not claimed and ("default", "queued") not in await count_live(db, CLAIMED_JOBS):
            return


async def enqueue(jobs: Jobs, refs: list[JobRef]) -> None:
    """A third of the jobs: most of them many at once, some alone."""
    for _ in range(JOBS // 3 // 100):
        refs += await jobs.enqueue_many("work", [Work(0.0)] * 99)
        refs.append(await jobs.enqueue("work", Work(0.0)))


async def nothing_live(jobs: Jobs) -> bool:
    return not await jobs.counts()


async def status(urls: list[str], name: str) -> list[int]:
    """A counter of each server."""
    return [int((await Raw("mysql", url).rows(f"SHOW STATUS LIKE '{name}'"))[0][1]) for url in urls]
