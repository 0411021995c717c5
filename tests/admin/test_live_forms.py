"""A live page keeps its forms: what is in front of somebody is not another element a moment later."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from dbjobs import JobContext, Jobs
from tests.admin.serving import served

pytestmark = pytest.mark.once


async def test_a_form_with_a_field_of_the_name_id_stays(jobs: Jobs, browser_page: Page) -> None:
    """A form's property `id` is then that field: the form was put there anew with each change, and the click was lost."""
    begun, go, said = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @jobs.command
    async def work(what: str, job: JobContext) -> None:
        begun.set()
        await said.wait()
        job.progress(0.5, "half of it")
        await go.wait()

    page = browser_page
    async with jobs.start(), served(jobs.admin(authorize=lambda request: ["view", "reveal"])) as base:
        ref = await jobs.enqueue(work, "x")
        await begun.wait()
        await page.goto(f"{base}/job?id={ref.id}")
        await expect(page.locator("#live")).to_have_text("live")
        form = await page.locator("#form-stack").element_handle()
        assert form is not None
        await page.get_by_role("button", name="Where is it now?").focus()
        said.set()
        await expect(page.locator("#job-status")).to_have_text("half of it")
        assert await form.evaluate("form => form.isConnected")
        await expect(page.get_by_role("button", name="Where is it now?")).to_have_count(1)
        await expect(page.get_by_role("button", name="Where is it now?")).to_be_focused()
        go.set()
