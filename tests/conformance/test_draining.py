"""A node that is drained claims nothing more, and finishes what it runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import InvalidOption, JobContext, Jobs, JobState, ReasonCode
from dbjobs.store import repository
from tests.conformance.helpers import Gate, eventually, state_of


async def test_a_drained_node_finishes_what_it_runs_and_claims_nothing_more(url: str) -> None:
    gate = Gate()

    def application() -> Jobs:
        jobs = Jobs(url)

        @jobs.command
        async def work(what: str, job: JobContext) -> int:
            if what == "wait":
                await gate()
            return job.attempt

        return jobs

    one, other = application(), application()
    async with one.start(lease_seconds=3) as first:
        running = await one.enqueue("work", "wait")
        await gate.wait_entered()
        assert first.node_id is not None
        await one.workers.drain(first.node_id)
        later = await one.enqueue("work", "now")

        async def claims_no_more(running: int) -> bool:
            (info,) = [node.info for node in await one.nodes() if node.id == first.node_id]
            return bool(info.get("draining") and info["running"] == running)

        await eventually(lambda: claims_no_more(1), "the node says that it drains")
        assert await state_of(one, later) is JobState.QUEUED
        async with other.start(lease_seconds=3):
            done = await other.wait(later, timeout=20)
            assert done.state is JobState.COMPLETED
        third = await one.enqueue("work", "now")
        gate.open()
        assert (await one.wait(running, timeout=20)).state is JobState.COMPLETED

        await eventually(lambda: claims_no_more(0), "nothing runs there any more")
        assert await state_of(one, third) is JobState.QUEUED
        told = await one.explain(third)
        assert told.code is ReasonCode.NODES_DRAINED
        assert told.reasons[0].facts == {"nodes": [first.node_id]}
        assert "The only node that could take it is drained" in told.text
        await one.workers.undrain(first.node_id)
        await one.wait(third, timeout=20)
        with pytest.raises(InvalidOption, match="no living node 17"):
            await one.workers.drain(17)


async def test_a_claim_that_is_under_way_ends_before_the_drain_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is enqueued behind ``drain`` is not claimed by a statement that was on its way before."""
    jobs = Jobs(url)
    gate = Gate()
    claim = repository.claim_jobs

    async def claim_jobs(*arguments: Any, **named: Any) -> Any:
        await gate()
        return await claim(*arguments, **named)

    @jobs.command
    async def work() -> None:
        pass

    async with jobs.start() as engine:
        monkeypatch.setattr(repository, "claim_jobs", claim_jobs)
        before = await jobs.enqueue(work)
        await gate.wait_entered()
        assert engine.node_id is not None
        draining = asyncio.create_task(jobs.workers.drain(engine.node_id))
        await eventually(lambda: engine._dispatcher.resting, "it has been told")
        for _ in range(20):
            await asyncio.sleep(0)
        assert not draining.done()
        gate.open()
        await draining
        behind = await jobs.enqueue(work)
        assert (await jobs.wait(before, timeout=20)).state is JobState.COMPLETED
        assert await state_of(jobs, behind) is JobState.QUEUED
