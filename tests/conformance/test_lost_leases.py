"""What a node still has in its hands when it loses its lease and comes back under a new id."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dbjobs import DatabaseUnavailable, JobContext, Jobs, JobState
from dbjobs.engine.draining import Draining
from dbjobs.engine.supervisor import Engine
from dbjobs.store import repository
from tests.conformance.helpers import Runs, eventually, wait_all

pytestmark = pytest.mark.about_us

LEASE_SECONDS = 1.5


class Cut:
    """Cuts a node's heartbeat off from the database while it says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = False
        beat = repository.heartbeat

        async def heartbeat(*arguments: Any) -> bool:
            if self.off:
                raise DatabaseUnavailable("cut off")
            return await beat(*arguments)

        monkeypatch.setattr(repository, "heartbeat", heartbeat)

    async def until_back(self, engine: Engine) -> None:
        """Let the node lose its lease and come back."""
        old = engine.node_id
        self.off = True
        await eventually(lambda: engine.node_id != old, "the node fences itself")
        self.off = False
        await eventually(lambda: engine.node_id not in (None, old), "it is back under a new id")


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    return Cut(monkeypatch)


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_claim_that_is_answered_after_the_node_has_come_back_is_not_run_under_the_old_id(
    jobs: Jobs, cut: Cut, monkeypatch: pytest.MonkeyPatch, worker: str | None
) -> None:
    """A network that comes back brings the answer of a claim that belongs to the node's past."""
    started: list[tuple[int, int]] = []
    held_back: list[int] = []

    @jobs.command(retry_limit=5)
    async def work(request: None, job: JobContext) -> int:
        started.append((job.attempt, job.node_id))
        return job.attempt

    name = "claim_jobs" if worker is None else "claim_lanes"
    claim = getattr(repository, name)

    async with jobs.start(lease_seconds=LEASE_SECONDS) as engine:
        old = engine.node_id

        async def slow_claim(db: Any, node_id: int, *arguments: Any, **named: Any) -> Any:
            claimed = await claim(db, node_id, *arguments, **named)
            if node_id == old and (claimed[0] if worker else claimed):
                held_back.append(node_id)
                await cut.until_back(engine)
            return claimed

        monkeypatch.setattr(repository, name, slow_claim)
        ref = await jobs.enqueue(work, worker=worker)
        done = await jobs.wait(ref, timeout=20)
        assert held_back == [old]
        assert done.state is JobState.COMPLETED
        assert [attempt for attempt, _ in started] == [2], "it ran in the name of a node that was buried"
        assert started[0][1] == engine.node_id


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_lane_does_not_overlap_a_handler_that_outlived_its_lease_in_the_same_process(
    jobs: Jobs, cut: Cut, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    runs = Runs()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def plain(request: None, job: JobContext) -> int:
        with runs.run(job.attempt):
            loop.call_soon_threadsafe(started.set)
            if job.attempt == 1:
                go_on.wait(20)
        return job.attempt

    async def stubborn(request: None, job: JobContext) -> int:
        with runs.run(job.attempt):
            started.set()
            while job.attempt == 1 and not go_on.is_set():
                try:
                    await asyncio.sleep(0.02)
                except asyncio.CancelledError:
                    continue
        return job.attempt

    handler: Any = plain if kind == "plain" else stubborn
    jobs.command(name="work", retry_limit=5)(handler)
    try:
        async with jobs.start(lease_seconds=LEASE_SECONDS, queues={"default": 2}, unresponsive_seconds=20) as engine:
            ref = await jobs.enqueue("work", worker="w")
            await asyncio.wait_for(started.wait(), 10)
            await cut.until_back(engine)
            await eventually(
                lambda: any(attempt.job.attempt > 1 for attempt in engine._runners.memory.all()),
                "the lane is claimed again",
            )
            assert "has lost its lease and still runs here" in caplog.text
            assert runs.order == [1]
            go_on.set()
            assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
            # The queue's limit is what it was: neither attempt is counted any more.
            await eventually(lambda: not engine._runners.memory.per_queue["default"], "nothing is counted")
            await wait_all(jobs, [await jobs.enqueue("work") for _ in range(3)])
    finally:
        go_on.set()
    assert runs.most[None] == 1


async def test_a_drained_node_that_loses_its_lease_stays_drained(
    url: str, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back under a new id; it is still the process that somebody has asked to claim nothing more."""
    jobs = Jobs(url)
    looks: list[int] = []
    look = Draining.look

    async def counted(self: Draining) -> float:
        id, pause = self._current_node(), await look(self)
        if id is not None:
            looks.append(id)
        return pause

    @jobs.command
    async def work() -> None:
        pass

    monkeypatch.setattr(Draining, "look", counted)
    async with jobs.start(lease_seconds=LEASE_SECONDS) as engine:
        assert engine.node_id is not None
        old = engine.node_id
        await jobs.workers.drain(old)
        assert engine._dispatcher.resting
        claims: list[int] = []
        claim = repository.claim_jobs

        async def claim_jobs(db: Any, node_id: int, *arguments: Any, **named: Any) -> Any:
            claims.append(node_id)
            return await claim(db, node_id, *arguments, **named)

        monkeypatch.setattr(repository, "claim_jobs", claim_jobs)
        await cut.until_back(engine)
        ref = await jobs.enqueue(work)
        await eventually(lambda: looks.count(engine.node_id or 0) >= 2, "it has looked under its new id")
        assert engine._dispatcher.resting
        assert claims == []
        (node,) = [node for node in await jobs.nodes() if node.id == engine.node_id]
        await jobs.workers.undrain(node.id)
        assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
