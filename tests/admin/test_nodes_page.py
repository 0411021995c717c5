"""The page of nodes and its API: what a node says of itself, and draining it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import InvalidOption, JobContext, Jobs, JobState
from tests.admin.calling import api_of
from tests.admin.serving import served
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
    async with one.start(lease_seconds=3) as first, api_of(one) as api:
        running = await one.enqueue("work", "wait")
        await gate.wait_entered()
        node = (await api.get("/nodes")).json()["nodes"][0]
        assert (node["state"], node["commands"], node["queues"]) == ("alive", ["work"], None)
        assert node["version"] is not None
        assert node["loop_lag_ms"] is not None
        assert (await api.post("/nodes/drain", json={"id": node["id_text"]})).status_code == 200
        later = await one.enqueue("work", "now")

        async def shown() -> str:
            return str((await api.get("/nodes")).json()["nodes"][0]["state"])

        async def draining() -> bool:
            return await shown() == "draining"

        await eventually(draining, "the node says that it drains")
        assert await state_of(one, later) is JobState.QUEUED
        async with other.start(lease_seconds=3):
            done = await other.wait(later, timeout=20)
            assert done.state is JobState.COMPLETED
        third = await one.enqueue("work", "now")
        gate.open()
        assert (await one.wait(running, timeout=20)).state is JobState.COMPLETED

        async def drained() -> bool:
            return await shown() == "drained"

        await eventually(drained, "nothing runs there any more")
        assert await state_of(one, third) is JobState.QUEUED
        assert first.node_id is not None
        await one.workers.undrain(first.node_id)
        await one.wait(third, timeout=20)
        with pytest.raises(InvalidOption, match="no living node 17"):
            await one.workers.drain(17)
        assert (await api.post("/nodes/drain", json={"id": 17})).status_code == 422


@pytest.mark.once
async def test_who_may_act_drains_no_node(jobs: Jobs) -> None:
    async with jobs.start() as engine, api_of(jobs, verbs=["view", "act"]) as api:
        assert (await api.post("/nodes/drain", json={"id": engine.node_id})).status_code == 403


@pytest.mark.once
async def test_a_node_is_drained_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    @jobs.command
    async def send(to: str) -> None:
        pass

    page = browser_page
    async with jobs.start(lease_seconds=3), served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await page.goto(f"{base}/jobs/nodes")
        await page.get_by_role("button", name="Drain").click()
        await expect(page.get_by_role("status").filter(has_text="claims nothing more")).to_be_visible()
        await expect(page.get_by_role("row").nth(1)).to_contain_text("drained")
        ref = await jobs.enqueue(send, "a")
        await page.get_by_role("button", name="Let go on").click()
        await jobs.wait(ref, timeout=20)
