"""The form that asks for a token, in a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from dbjobs import Jobs
from tests.admin.asking import ROOT_TOKEN, TOKENS, VIEW_TOKEN
from tests.admin.serving import served


@pytest.mark.about_us
async def test_a_visitor_logs_in_sees_what_the_token_is_for_and_logs_out(jobs: Jobs, browser_page: Page) -> None:
    browser = browser_page.context.browser
    assert browser is not None
    # A context of its own: a browser writes each 401 to its console, which the fixture takes for trouble.
    page = await browser.new_page()
    async with jobs, served(jobs.admin(tokens=TOKENS)) as base:
        await jobs.queues.pause("mail")
        row, pause = page.get_by_role("row", name="mail"), page.get_by_role("button", name="Resume mail")
        await page.goto(f"{base}/queues?name=mail")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(row).to_have_count(0)

        async def give(token: str) -> None:
            await page.get_by_label("Token").fill(token)
            await page.get_by_role("button", name="Log in").click()

        await give("a token that nobody was told")
        await expect(page.get_by_label("Token")).to_have_value("")
        await expect(page.locator("main p").first).to_contain_text("token")
        await expect(row).to_have_count(0)

        await give(ROOT_TOKEN)
        await expect(row).to_contain_text("paused")
        assert page.url == f"{base}/queues?name=mail"
        await pause.click()
        await expect(row).not_to_contain_text("paused")

        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await page.goto(f"{base}/queues")
        await give(VIEW_TOKEN)
        await expect(row).to_be_visible()
        for path in ("", "jobs", "queues", "schedules", "nodes", "workers", "failures", "bulk"):
            await page.goto(f"{base}/{path}")
            buttons = page.locator("form[method=post] button")
            assert [text.strip() for text in await buttons.all_inner_texts()] == ["Log out"], path
    await page.context.close()
