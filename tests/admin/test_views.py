"""Saved views: a name for a search with its columns, order and page size, of one visitor or shared."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from starlette.requests import Request

from dbjobs import Jobs
from dbjobs.admin.api import views
from dbjobs.admin.visitor import Answer, Visitor
from tests.admin.asking import admin, asking
from tests.admin.serving import served

NAME = "<b>träge</b> & more"
ACT = frozenset({"view", "act"})


def by_header(request: Request) -> Answer:
    name = request.headers.get("x-user", "ann")
    return Visitor(name, frozenset({"view", "act", "admin"}) if name == "root" else ACT, bearer=True)  # type: ignore[arg-type]


async def listed(client: httpx.AsyncClient, user: str) -> dict[str, list[str]]:
    found: dict[str, list[dict[str, Any]]] = (await client.get("/api/views", headers={"x-user": user})).json()
    return {kind: [one["name"] for one in some] for kind, some in found.items()}


async def test_views_are_saved_seen_replaced_and_removed(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    async with jobs, asking(admin(jobs, authorize=by_header).application) as client:

        async def post(what: str, user: str, **given: Any) -> httpx.Response:
            return await client.post(f"/api/views/{what}", json=given, headers={"x-user": user})

        given = {"q": "state:failed tag:a&b", "sort": "-run", "cols": "state,run", "size": 25}
        assert (await post("save", "ann", name=NAME, **given)).json()["message"] == f"the view {NAME} is saved"
        assert (await post("save", "ann", name="ours", shared=True, q="queue:mail")).status_code == 200
        assert await listed(client, "ann") == {"own": [NAME], "shared": ["ours"]}
        assert await listed(client, "bob") == {"own": [], "shared": ["ours"]}
        (mine,) = (await client.get("/api/views")).json()["own"]
        assert (mine["by"], mine["mine"]) == ("ann", True)
        page = (await client.get(f"/jobs?{mine['query']}")).text
        assert 'aria-current="true" title="state:failed tag:a&amp;b"' in page
        assert "&lt;b&gt;träge&lt;/b&gt;" in page

        refused = await post("save", "bob", name="ours", shared=True, q="queue:other")
        assert (refused.status_code, "ann's" in refused.json()["message"]) == (403, True)
        assert (await post("remove", "bob", name="ours", shared=True)).status_code == 403
        assert (await post("save", "ann", name="ours", shared=True, q="queue:new")).status_code == 200
        (ours,) = (await client.get("/api/views")).json()["shared"]
        assert ours["q"] == "queue:new"
        assert (await post("save", "bob", name="ours")).status_code == 200, "one's own may be called the same"
        assert (await post("remove", "root", name="ours", shared=True)).status_code == 200
        assert await listed(client, "bob") == {"own": ["ours"], "shared": []}
        assert (await post("remove", "bob", name="nothing")).status_code == 404
        for wrong in ({"name": ""}, {"name": "x" * 101}, {"name": "a", "size": 0}, {"name": "a\0"}):
            assert (await post("save", "bob", **wrong)).status_code == 422
        monkeypatch.setattr(views, "MOST", 1)
        assert "remove one first" in (await post("save", "bob", name="more")).json()["message"]
        assert (await post("save", "bob", name="ours", q="x")).status_code == 200


@pytest.mark.once
async def test_a_view_is_saved_and_opened_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    page = browser_page
    async with jobs, served(jobs.admin()) as base:
        jobs.declare("send")
        for tag in ("spring", "summer"):
            await jobs.enqueue("send", tag, tag=tag)
        await page.goto(f"{base}/jobs?q=tag:spring&cols=tag&size=25")
        await page.get_by_text("Save this view").click()
        await page.get_by_label("Name of the view").fill(NAME)
        await page.get_by_label("for everybody").check()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("status").filter(has_text=f"the view {NAME} is saved")).to_be_visible()
        await page.goto(f"{base}/jobs?cols=command,tag,queue")
        await expect(page.locator("table.jobs tbody tr")).to_have_count(2)
        await page.get_by_role("link", name=NAME).click()
        await expect(page.locator("table.jobs tbody tr")).to_have_count(1)
        await expect(page.locator("table.jobs thead th")).to_have_count(3)
        await page.get_by_text("Save this view").click()
        await page.get_by_role("button", name=f"Remove the view {NAME}").click()
        await expect(page.get_by_role("link", name=NAME)).to_have_count(0)


@pytest.mark.once
async def test_menus_stay_on_the_screen_of_a_phone(jobs: Jobs, browser_page: Page) -> None:
    page = browser_page
    await page.set_viewport_size({"width": 390, "height": 800})
    async with jobs, served(jobs.admin()) as base:
        await page.goto(f"{base}/jobs")
        for name in ("Columns", "Export and copy", "Save this view"):
            summary = page.locator("summary", has_text=name)
            await summary.click()
            box = await page.locator("details[open] > .sheet, details[open] > fieldset").bounding_box()
            assert box is not None
            assert box["x"] >= 0, name
            assert box["x"] + box["width"] <= 390, name
            await summary.click()
