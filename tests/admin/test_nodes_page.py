"""The page of nodes and its API: what a node says of itself, and draining it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from tests.admin.calling import api_of
from tests.admin.serving import served
from tests.conformance.helpers import eventually


async def test_nodes_tell_of_themselves_and_are_drained(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None:
        pass

    async with jobs.start(lease_seconds=3, concurrency=7, queues=["a", "b"]), api_of(jobs) as api:
        (node,) = (await api.get("/nodes")).json()["nodes"]
        assert (node["state"], node["commands"], node["queues"], node["concurrency"]) == (
            "alive",
            ["work"],
            ["a", "b"],
            7,
        )
        assert node["version"] is not None
        assert node["loop_lag_ms"] is not None
        assert 0 < node["lease_seconds_left"] <= 3

        async def has_state(state: str) -> bool:
            return bool((await api.get("/nodes")).json()["nodes"][0]["state"] == state)

        assert (await api.post("/nodes/drain", json={"id": node["id_text"]})).status_code == 200
        await eventually(lambda: has_state("drained"), "the node says that it is drained")
        assert (await api.post("/nodes/undrain", json={"id": node["id"]})).status_code == 200
        await eventually(lambda: has_state("alive"), "the node says that it goes on")
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
