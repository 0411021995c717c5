"""Bulk actions over the API and on the page: previewed, confirmed, started, stopped, and listed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs, JobState
from dbjobs.store import repository
from tests.admin.calling import api_of
from tests.admin.serving import served
from tests.conformance.helpers import eventually, state_of


async def test_a_bulk_action_is_previewed_started_stopped_and_listed(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs.start(), api_of(jobs) as api:
        await jobs.queues.pause("mail")
        refs = await jobs.enqueue_many(send, range(30), queue="mail", tag="spring")
        asked = {"action": "cancel", "q": "queue:mail tag:spring"}
        made = (await api.get("/bulk/preview", params=asked)).json()
        assert (made["count"], made["exact"], made["nodes"], made["confirm"]) == (30, True, 1, None)
        assert made["samples"][0]["id_text"] == str(refs[-1].id)
        late = await jobs.enqueue(send, 1, queue="mail", tag="spring")
        given = {**asked, "name": "no spring", "before_id": made["before_id_text"], "at": made["at"]}
        started = (await api.post("/bulk/start", json=given)).json()
        assert started["message"] == "no spring is started"
        await jobs.wait(started["id"], timeout=20)
        slow = (await api.post("/bulk/start", json={**given, "name": "slow", "rate": 0.1, "q": "queue:mail"})).json()
        stopped = (await api.post("/bulk/stop", json={"id": slow["id_text"]})).json()
        await jobs.wait(slow["id"], timeout=20)
        (second, first) = (await api.get("/bulk")).json()["actions"]
        assert (first["name"], first["reached"], first["started_by"]) == ("no spring", 30, "token 1")
        assert second["state"] == "cancelled" or stopped["count"] == 0
        assert await state_of(jobs, late) is JobState.QUEUED
        (entry,) = [one for one in await audit(jobs) if one.action == "start_bulk" and "spring" in one.target]
        assert (entry.actor, entry.outcome) == ("token 1", "done")
        refused = await api.get("/bulk/preview", params={"action": "cancel", "q": "colour=red"})
        assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
        assert (await api.post("/bulk/stop", json={"id": refs[0].id})).status_code == 404


async def test_a_bulk_cancel_is_undone_over_the_api(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs.start(), api_of(jobs, environment="production") as api:
        await jobs.queues.pause("mail")
        refs = await jobs.enqueue_many(send, range(101), queue="mail")
        given = {"action": "cancel", "q": "queue:mail", "name": "all", "environment": "production"}
        started = (await api.post("/bulk/start", json=given)).json()
        await jobs.wait(started["id"], timeout=20)
        made = (await api.get("/bulk/undo/preview", params={"id": started["id_text"]})).json()
        assert (made["action"], made["count"], made["confirm"]) == ("undo", 101, "production")
        assert (await api.post("/bulk/undo", json={"id": started["id_text"]})).status_code == 403
        named = {"id": started["id_text"], "environment": "production"}
        undo = (await api.post("/bulk/undo", json=named)).json()
        assert undo["message"] == f"the undo of bulk action {started['id']} is started"
        await jobs.wait(undo["id"], timeout=20)
        assert await state_of(jobs, refs[0]) is JobState.QUEUED
        listed = (await api.get("/bulk")).json()["actions"]
        assert [(one["action"], one["undoes"], one["reached"]) for one in listed] == [
            ("undo", started["id"], 101), ("cancel", None, 101),
        ]  # fmt: skip
        again = await api.post("/bulk/undo", json=named)
        assert (again.status_code, again.json()["error"]) == (422, "invalid")
        assert "no job is left" in again.json()["message"]
        outcomes = [one.outcome for one in await audit(jobs) if one.action == "undo_bulk"]
        assert outcomes == ["failed", "done", "failed"]


async def audit(jobs: Jobs) -> list[Any]:
    return await repository.list_audit(jobs._client.db, 2**62, 100)


@pytest.mark.once
async def test_production_asks_for_its_name(jobs: Jobs) -> None:
    async with jobs, api_of(jobs, environment="production") as api:
        jobs.declare("send")
        await jobs.enqueue_many("send", range(101), queue="mail")
        await jobs.enqueue("send", 1, queue="few")
        asked = {"action": "cancel", "q": "queue:mail"}
        assert (await api.get("/bulk/preview", params=asked)).json()["confirm"] == "production"
        refused = await api.post("/bulk/start", json={**asked, "name": "all"})
        assert (refused.status_code, refused.json()["error"]) == (403, "refused")
        assert "more than 100 jobs in production" in refused.json()["message"]
        assert (
            await api.post("/bulk/start", json={**asked, "name": "all", "environment": "staging"})
        ).status_code == 403
        assert (await api.get("/bulk")).json()["actions"] == []
        given = {**asked, "name": "all", "environment": "production"}
        assert (await api.post("/bulk/start", json=given)).status_code == 200
        few = {"action": "cancel", "q": "queue:few", "name": "few"}
        assert (await api.post("/bulk/start", json=few)).status_code == 200


@pytest.mark.about_us
async def test_a_bulk_cancel_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    page = browser_page
    admin = jobs.admin(environment="production", colour="red")
    async with jobs.start(), served(Starlette(routes=[Mount("/jobs", admin)])) as base:
        await jobs.queues.pause("mail")
        refs = await jobs.enqueue_many(send, range(150), queue="mail")
        await page.goto(f"{base}/jobs/bulk")
        await page.get_by_label("to all that fit").fill("colour=red")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("alert")).to_contain_text("colour")
        await page.get_by_label("to all that fit").fill("queue:mail")
        await page.get_by_label("Name").fill("<b>no mail</b>")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("heading", name="150 jobs would be cancelled")).to_be_visible()
        assert await state_of(jobs, refs[0]) is JobState.QUEUED
        await page.get_by_label("Type production to go on").fill("production")
        await page.get_by_role("button", name="Cancel all 150").click()
        await expect(page.get_by_role("status").filter(has_text="<b>no mail</b> is started")).to_be_visible()
        row = page.get_by_role("row", name="<b>no mail</b>")
        await expect(row).to_contain_text("150 of 150 cancelled or asked to stop")
        await expect(row).to_contain_text("completed")

        async def all_cancelled() -> bool:
            return await jobs.counts() == {}

        await eventually(all_cancelled, "all are cancelled")
        await page.get_by_role("link", name="Undo <b>no mail</b>").click()
        await expect(page.get_by_role("heading", name="150 jobs would be brought back")).to_be_visible()
        await page.get_by_label("Type production to go on").fill("production")
        await page.get_by_role("button", name="Bring back all 150").click()
        await expect(page.get_by_role("row", name="undo of <b>no mail</b>")).to_contain_text("150 of 150 brought back")
        assert await state_of(jobs, refs[0]) is JobState.QUEUED


@pytest.mark.once
async def test_a_worker_of_the_longest_name_is_cancelled_from_its_page(jobs: Jobs, browser_page: Page) -> None:
    """The bulk action's own name is made of it, and shorter."""
    lane = "w" * 255
    async with jobs, served(jobs.admin()) as base:
        jobs.declare("send")
        ref = await jobs.enqueue("send", worker=lane)
        await browser_page.goto(f"{base}/workers")
        await browser_page.get_by_role("link", name=f"Cancel all jobs of {lane}").click()
        await browser_page.get_by_role("button", name="Cancel it").click()
        await expect(browser_page.locator(".said")).to_contain_text("is started")
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=30)).state is JobState.CANCELLED
