"""A node that is drained claims nothing more, and finishes what it runs."""

from __future__ import annotations

import pytest

from dbjobs import InvalidOption, JobContext, Jobs, JobState
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
        await one.workers.undrain(first.node_id)
        await one.wait(third, timeout=20)
        with pytest.raises(InvalidOption, match="no living node 17"):
            await one.workers.drain(17)
