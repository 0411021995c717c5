"""The heartbeat needs nothing that anybody else holds, and nothing ends it but the node's own stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState
from dbjobs.engine import node as node_module
from dbjobs.store import repository
from tests.conformance.helpers import Gate, eventually, nodes
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = pytest.mark.about_us

LEASE_SECONDS = 1.0


class Blocker(logging.Handler):
    """A log handler like any, whose lock a handler of a job holds while it blocks the event loop."""

    def emit(self, record: logging.LogRecord) -> None:
        pass


@pytest.mark.slow
async def test_a_job_that_holds_the_lock_of_logging_and_blocks_the_loop_keeps_its_lease(
    url: str, target: Target
) -> None:
    lock = Blocker()
    lease_seconds = max(LEASE_SECONDS, target.slowness)
    attempts: list[int] = []

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        async def block(job: JobContext) -> str:
            attempts.append(job.attempt)
            lock.acquire()
            try:
                time.sleep(lease_seconds * 3)  # noqa: ASYNC251 - the mistake that this is about
            finally:
                lock.release()
            return "done"

    logger = logging.getLogger("dbjobs")
    logger.addHandler(lock)
    try:
        async with nodes(url, 1, register, lease_seconds=lease_seconds, stall_seconds=0.1) as (jobs,):
            engine = jobs._client.engine
            assert engine is not None
            id = engine.node_id
            done = await jobs.wait(await jobs.enqueue("block"), timeout=30)
            assert engine.node_id == id, "its lease was lost"
    finally:
        logger.removeHandler(lock)
    assert (done.state, attempts) == (JobState.COMPLETED, [1])


class Surprise(BaseException):
    """What a driver written in another language raises."""


@pytest.mark.parametrize("error", [AttributeError("driver"), Surprise("panic"), SystemExit(1), MemoryError()])
async def test_the_heartbeat_outlives_any_error(
    url: str, target: Target, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(node_module, "_STOOD_STILL_SECONDS", 0.1)
    real = repository.heartbeat
    beats = 0

    async def heartbeat(*arguments: Any) -> bool:
        nonlocal beats
        beats += 1
        if beats in (2, 3):
            raise error
        return await real(*arguments)

    monkeypatch.setattr(repository, "heartbeat", heartbeat)
    gate = Gate()
    async with nodes(
        url, 1, lambda jobs: jobs.command(name="slow")(gate), lease_seconds=max(3.0, 2 * target.slowness)
    ) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        id = engine.node_id
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        await eventually(lambda: beats >= 6, "it goes on", timeout=30)
        assert engine.node_id == id
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).attempt == 1


@pytest.mark.parametrize(
    "statement",
    ["claim_jobs", "find_cancel_requests", "promote_jobs", "find_expired", "list_nodes", "fold_stats", "finish_jobs"],
)
async def test_every_loop_outlives_any_error(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    """Here an error that no driver should raise; it is told with its place, and the loop goes on."""
    if not hasattr(repository, statement):
        pytest.skip(f"there is no {statement}")
    real: Callable[..., Any] = getattr(repository, statement)
    calls = 0

    async def broken(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise AttributeError("'NoneType' object has no attribute 'is_in_transaction'")
        return await real(*arguments, **named)

    monkeypatch.setattr(repository, statement, broken)
    gate = Gate()
    gate.open()
    async with nodes(url, 1, lambda jobs: jobs.command(name="work")(gate), lease_seconds=LEASE_SECONDS) as (jobs,):
        ref = await jobs.enqueue("work", run_after=0.1)
        assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
        await eventually(lambda: calls >= 3, "it is tried again")


LOCKS = {
    "postgres": "LOCK TABLE dbjobs.background_job IN ACCESS EXCLUSIVE MODE",
    "mysql": "LOCK TABLES dbjobs_background_job WRITE",
}


@pytest.mark.slow
@pytest.mark.dialect("postgres", "mysql")
async def test_a_lock_on_the_job_table_is_no_reason_to_lose_a_lease(url: str, target: Target, raw: Raw) -> None:
    gate = Gate()
    async with nodes(
        url, 1, lambda jobs: jobs.command(name="slow", retry_limit=0)(gate), lease_seconds=2 * LEASE_SECONDS
    ) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        id = engine.node_id
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        async with raw.connection() as locker:
            await locker.begin()
            await locker.execute(LOCKS[target.dialect])
            began = engine._node.lease_ends
            await eventually(
                lambda: engine._node.lease_ends > began + 4 * LEASE_SECONDS or engine.node_id != id,
                "the lease is renewed for twice its length",
            )
            assert engine.node_id == id
            await locker.rollback()
        gate.open()
        assert (await jobs.wait(ref, timeout=20)).attempt == 1


async def test_the_heartbeats_thread_is_the_nodes_own_and_ends_with_it(url: str) -> None:
    async with nodes(url, 1, lambda jobs: None, lease_seconds=LEASE_SECONDS) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        thread = engine._node._thread
        assert thread.is_alive()
    assert not thread.is_alive()
    assert thread not in threading.enumerate()
