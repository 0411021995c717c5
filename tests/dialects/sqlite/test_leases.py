"""SQLite: a node's lease waits for nobody who holds the file of the jobs, and no thread that hogs the interpreter."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.transactions import rescue
from tests.conformance.helpers import START, eventually, wait_all

pytestmark = pytest.mark.dialect("sqlite")

LEASE_SECONDS = 2.0


@pytest.fixture
def path(url: str) -> Path:
    """The file of the jobs."""
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """A step of a heartbeat waits for each thread in turn: beside other programs, too, that stays within seconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 3)
    yield
    sys.setswitchinterval(before)


class Ran:
    """What the handlers of several nodes, in several threads, have run: starts by job."""

    def __init__(self) -> None:
        self.starts: Counter[int] = Counter()

    def register(self, jobs: Jobs) -> None:
        @jobs.command(retry_limit=5)
        async def sleep(request: float, job: JobContext) -> None:
            self.starts[job.id] += 1
            await asyncio.sleep(request)

        @jobs.command(retry_limit=5)
        def spin(request: float, job: JobContext) -> None:
            self.starts[job.id] += 1
            end = time.monotonic() + request
            while time.monotonic() < end:
                pass

        @jobs.command(retry_limit=5)
        async def block(request: float, job: JobContext) -> None:
            """The event loop stands still while the handler's transaction is open."""
            self.starts[job.id] += 1
            async with job.transaction() as tx:
                await tx.execute("CREATE TABLE note (text TEXT)")
                time.sleep(request)  # noqa: ASYNC251


@contextmanager
def node_in_a_thread(url: str, ran: Ran, lease_seconds: float) -> Iterator[list[int]]:
    """A node with an event loop of its own; the ids that it has had."""
    ids: list[int] = []
    stop = threading.Event()

    async def run() -> None:
        jobs = Jobs(url)
        ran.register(jobs)
        async with jobs.start(concurrency=24, lease_seconds=lease_seconds):
            while not stop.is_set():
                note_id(jobs, ids)
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield ids
    finally:
        stop.set()
        thread.join()


def note_id(jobs: Jobs, ids: list[int]) -> None:
    assert jobs._client.engine is not None
    id = jobs._client.engine._node.id or 0
    if ids[-1:] != [id]:
        ids.append(id)


@pytest.mark.slow
async def test_somebody_who_holds_the_write_lock_costs_no_lease(url: str, path: Path) -> None:
    ran = Ran()
    jobs = Jobs(url)
    ran.register(jobs)
    mine: list[int] = []
    with node_in_a_thread(url, ran, LEASE_SECONDS) as others:
        async with jobs.start(concurrency=4, lease_seconds=LEASE_SECONDS):
            await eventually(lambda: others, "the other node is there")
            refs = [await jobs.enqueue("sleep", 3 * LEASE_SECONDS) for _ in range(6)]
            await eventually(lambda: len(ran.starts) == 6, "all of them run")
            with closing(sqlite3.connect(path, isolation_level=None)) as outsider:
                outsider.execute("BEGIN IMMEDIATE")
                end = time.monotonic() + 3 * LEASE_SECONDS
                while time.monotonic() < end:
                    note_id(jobs, mine)
                    assert all(node.alive for node in await jobs.nodes())
                    await asyncio.sleep(0.05)
                outsider.execute("ROLLBACK")
            refs.append(await jobs.enqueue("sleep", 0.0))
            ended = await wait_all(jobs, refs)
            note_id(jobs, mine)
    assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}
    assert set(ran.starts.values()) == {1}
    assert (len(mine), len(others)) == (1, 1)


@pytest.mark.slow
async def test_a_handler_that_blocks_the_loop_inside_its_transaction_costs_no_lease(url: str) -> None:
    ran = Ran()
    jobs = Jobs(url)
    ran.register(jobs)
    mine: list[int] = []
    with node_in_a_thread(url, ran, LEASE_SECONDS) as others:
        await eventually(lambda: others, "the other node is there")
        async with jobs.start(concurrency=4, lease_seconds=LEASE_SECONDS):
            refs = [await jobs.enqueue("sleep", 2.0) for _ in range(6)]
            await eventually(lambda: len(ran.starts) == 6, "all of them run")
            note_id(jobs, mine)
            refs.append(await jobs.enqueue("block", 3 * LEASE_SECONDS))
            ended = await wait_all(jobs, refs)
            refs = [await jobs.enqueue("sleep", 0.0) for _ in range(6)]
            ended += await wait_all(jobs, refs)
            note_id(jobs, mine)
    assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}
    assert set(ran.starts.values()) == {1}
    assert (len(mine), len(others)) == (1, 1)


@pytest.mark.slow
async def test_threads_that_hog_the_interpreter_cost_no_lease(url: str, quick_switches: None) -> None:
    """Two nodes in one process, whose plain handlers spin: their leases are a few short steps, not transactions."""
    ran = Ran()
    jobs = Jobs(url)
    ran.register(jobs)
    mine: list[int] = []
    with node_in_a_thread(url, ran, 10.0) as others:
        async with jobs.start(concurrency=24, lease_seconds=10.0):
            await eventually(lambda: others, "the other node is there")
            refs = [await jobs.enqueue("spin", 2.0) for _ in range(48)]
            waiting = asyncio.ensure_future(wait_all(jobs, refs))
            while not waiting.done():
                note_id(jobs, mine)
                await asyncio.wait([waiting], timeout=0.1)
            ended = await waiting
    assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}
    assert set(ran.starts.values()) == {1}
    assert (len(mine), len(others)) == (1, 1)


async def dies_with_a_job(url: str, ran: Ran, *, worker: str | None) -> Any:
    """A node that ends without a word while it runs a job; the job."""
    dying = Jobs(url)
    ran.register(dying)
    async with dying.start(lease_seconds=LEASE_SECONDS, grace_seconds=0.0):
        ref = await dying.enqueue("sleep", 600.0, worker=worker)
        await eventually(lambda: ran.starts[ref.id] == 1, "it runs")
        (node,) = await dying.nodes()
    return ref, node.id


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_whoever_removes_the_file_of_the_nodes_while_nothing_runs_loses_nothing(
    url: str, path: Path, worker: str | None
) -> None:
    ran = Ran()
    ref, node_id = await dies_with_a_job(url, ran, worker=worker)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        # As a killed process leaves it: the job started, the lane taken, the node's row there.
        file.execute(
            "UPDATE dbjobs_background_job SET state = 'started', node_id = ?, attempt = 1, request_body = '0.0'",
            (node_id,),
        )
        if worker is not None:
            file.execute("INSERT INTO dbjobs_job_worker (worker, node_id) VALUES (?, ?)", (worker, node_id))
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}-nodes{suffix}").unlink(missing_ok=True)
    again = Jobs(url)
    ran.register(again)
    async with again.start(lease_seconds=LEASE_SECONDS):
        assert (await again.wait(ref, timeout=30)).state is JobState.COMPLETED
        assert all(node.id > node_id for node in await again.nodes())


async def test_a_rescue_that_was_interrupted_between_the_two_files_is_gone_on_with(url: str, path: Path) -> None:
    """The node's row is gone, its lane is not: the next node that starts frees it."""
    jobs = Jobs(url)
    ran = Ran()
    ran.register(jobs)
    async with jobs:
        ref = await jobs.enqueue("sleep", 0.0, worker="lane")
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("INSERT INTO dbjobs_job_worker (worker, node_id) VALUES ('lane', 7)")
        async with jobs.start(lease_seconds=LEASE_SECONDS):
            assert (await jobs.wait(ref, timeout=30)).state is JobState.COMPLETED


async def test_a_node_that_is_buried_claims_no_more(url: str) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        db = jobs._client.db
        await jobs.enqueue("work")
        node_id = await repository.register_node(db, "n", 60.0, "{}")
        assert not await repository.bury_node(db, node_id)
        assert len(await repository.claim_jobs(db, node_id, [("default", 1, *START)], 1, ["work"])) == 1
        await jobs.enqueue("work")
        assert await repository.heartbeat(db, node_id, -1.0, "{}")
        assert await repository.bury_node(db, node_id)
        assert not await repository.bury_node(db, node_id)
        assert not await repository.heartbeat(db, node_id, 60.0, "{}")
        assert await repository.claim_jobs(db, node_id, [("default", 1, *START)], 1, ["work"]) == []
        assert not await repository.remove_node(db, node_id), "it holds a job"
        assert (await rescue.take_over(db, node_id)).requeued == 1
        assert await repository.list_nodes(db) == []
