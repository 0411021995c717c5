"""The page is there, in a browser, and does something."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from tests.admin.serving import served


@pytest.mark.once
async def test_a_queue_is_paused_with_a_click(jobs: Jobs, browser_page: Page) -> None:
    queue = "mail/of träge.x?#%"

    @jobs.command
    async def send(to: str) -> None:
        pass

    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await jobs.enqueue(send, "a", queue=queue)
        await browser_page.goto(f"{base}/jobs/queues")
        await browser_page.get_by_role("row", name=queue).get_by_role("button", name="Pause").click()
        await expect(browser_page.get_by_role("status").filter(has_text="is paused")).to_be_visible()
        assert [info.queue for info in await jobs.queues.list() if info.paused] == [queue]
