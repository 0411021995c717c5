"""The page is for everybody: nothing that axe-core finds, in both themes and on a phone; all of it by keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from dbjobs import Jobs
from dbjobs.admin import ALL_VERBS
from tests.admin.asking import PATHS
from tests.admin.axe import violations
from tests.admin.filling import filled
from tests.admin.serving import served

pytestmark = pytest.mark.once
DARK = "document.documentElement.dataset.theme = 'dark'"
# The page has heard of its new size.
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
# What differs where there is little room.
NARROW = ["scrollable-region-focusable", "target-size"]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


# Pages that show more when they are asked for something.
ASKED = (
    "/bulk?q=state:live", "/bulk?q=colour:red", "/schedules/task?name=hourly", "/schedules?expression=0+9+*+*+1-5",
    "/schedules?expression=none", "/explore?command=work", "/audit?since=never",
)  # fmt: skip


async def test_axe_finds_nothing_on_any_page(jobs: Jobs, browser_page: Page) -> None:
    failed = await filled(jobs)
    found: list[str] = []
    async with (
        jobs,
        served(jobs.admin(authorize=lambda request: ALL_VERBS, environment="production", explore=["work"])) as base,
    ):
        needs = {"/job": f"?id={failed}", "/schedules/task": "?name=hourly"}
        for path in [*(path + needs.get(path, "") for path in PATHS), *ASKED, "/api", f"/jobs?job={failed}"]:
            await browser_page.set_viewport_size({"width": 1280, "height": 900})
            await browser_page.goto(base + path)
            found += [f"{path}: {line}" for line in await violations(browser_page)]
            await browser_page.evaluate(DARK)
            dark = await violations(browser_page, runOnly=["color-contrast"])
            found += [f"{path}, dark: {line}" for line in dark]
            await browser_page.set_viewport_size({"width": 390, "height": 800})
            await browser_page.evaluate(DRAWN)
            narrow = await violations(browser_page, runOnly=NARROW)
            found += [f"{path}, 390 px: {line}" for line in narrow]
            if await browser_page.evaluate(WIDER) > 0:
                found.append(f"{path}: wider than 390 px")
    assert not found, "\n".join(dict.fromkeys(found))


async def test_the_keyboard_does_all(jobs: Jobs, browser_page: Page) -> None:
    failed = await filled(jobs)
    async with jobs, served(jobs.admin()) as base:
        await browser_page.goto(f"{base}/queues")
        scripts = browser_page.locator("html.scripts")
        await expect(scripts).to_have_count(1)  # keys are heard from then on
        await browser_page.keyboard.press("Tab")
        await expect(browser_page.get_by_text("Skip to the content")).to_be_focused()
        await browser_page.keyboard.press("Enter")
        await expect(browser_page.locator("main")).to_be_focused()

        await browser_page.keyboard.press("?")
        await expect(browser_page.get_by_role("dialog", name="Keys")).to_be_visible()
        assert await violations(browser_page) == []
        await browser_page.keyboard.press("Escape")
        await expect(browser_page.get_by_role("dialog")).to_have_count(0)

        await browser_page.keyboard.press("j")
        await expect(browser_page.locator("main tbody tr a").first).to_be_focused()
        await browser_page.keyboard.press("g")
        await browser_page.keyboard.press("n")
        await expect(browser_page.get_by_role("heading", level=1)).to_have_text("Nodes")

        await expect(scripts).to_have_count(1)
        await browser_page.keyboard.press(".")
        await browser_page.keyboard.type("schedu")
        await expect(browser_page.get_by_role("dialog", name="Go to").get_by_role("listitem")).to_have_count(1)
        await browser_page.keyboard.press("Enter")
        await expect(browser_page.get_by_role("heading", level=1)).to_have_text("Schedules")

        # A job's panel takes the focus, and gives the page back.
        await browser_page.goto(f"{base}/queues?job={failed}")
        await expect(browser_page.locator(".panel .close")).to_be_focused()
        await browser_page.keyboard.press("Enter")
        await expect(browser_page.locator(".panel")).to_have_count(0)
