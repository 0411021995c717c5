"""The jobs page and the panel, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import JobContext, Jobs
from tests.admin.serving import served

expect.set_options(timeout=20_000)


@contextlib.asynccontextmanager
async def shown(jobs: Jobs, **options: Any) -> AsyncIterator[str]:
    async with served(Starlette(routes=[Mount("/jobs", jobs.admin(**options))])) as base:
        yield f"{base}/jobs/jobs"


@pytest.mark.about_us
async def test_progress_and_log_move_live_and_a_running_job_is_cancelled(jobs: Jobs, browser_page: Page) -> None:
    go_on, ended = asyncio.Event(), asyncio.Event()

    @jobs.command
    async def copy(request: None, job: JobContext) -> None:
        job.log("begun")
        job.progress(0.25, "a quarter")
        await go_on.wait()
        job.log("<b>half way</b>", level="warning")
        job.progress(0.5, "half")
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    async with jobs.start(), shown(jobs) as url:
        ref = await jobs.enqueue(copy)
        await browser_page.goto(f"{url}?job={ref.id}")
        panel = browser_page.get_by_role("complementary", name=f"Job {ref.id}")
        await expect(panel.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "0.25")
        await expect(panel.get_by_role("list", name="Log")).to_contain_text("begun")
        await expect(browser_page.locator(f"#job-{ref.id} progress")).to_have_attribute("value", "0.25")
        go_on.set()
        await expect(panel.get_by_role("list", name="Log")).to_contain_text("warning <b>half way</b>")
        await expect(panel.get_by_role("list", name="Log").get_by_text("begun")).to_have_count(1)
        await expect(panel.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "0.5")
        await expect(panel.get_by_text("half", exact=True)).to_be_visible()
        await panel.get_by_role("button", name="Cancel").click()
        await expect(browser_page.get_by_role("status").filter(has_text=f"job {ref.id} cancelled")).to_be_visible()
        await asyncio.wait_for(ended.wait(), 20)
        await expect(panel.locator("#job-state")).to_have_text("cancelled")
        await expect(panel.get_by_role("button", name="Requeue")).to_be_visible()


@pytest.mark.about_us
async def test_a_failed_job_is_requeued_and_another_edited(jobs: Jobs, browser_page: Page) -> None:
    @jobs.command(retry_limit=0)
    async def load(request: dict[str, Any]) -> str:
        if request["rows"] < 0 or not mended:
            raise ValueError("no rows: <script>document.title='owned'</script>")
        return f"{request['rows']} rows"

    mended: list[bool] = []
    async with jobs.start(), shown(jobs) as url:
        refs = [await jobs.enqueue(load, {"rows": rows}) for rows in (1, -1)]
        for ref in refs:
            await jobs.wait(ref, timeout=30)
        mended.append(True)
        await browser_page.goto(f"{url}?q=state:failed")
        rows = browser_page.locator("table.jobs tbody tr")
        await expect(rows).to_have_count(2)
        await rows.nth(0).get_by_role("checkbox").click()
        await rows.nth(1).get_by_role("checkbox").click(modifiers=["Shift"])
        await expect(browser_page.locator("#chosen")).to_have_text("2 selected")
        await rows.nth(0).get_by_role("checkbox").uncheck()
        await browser_page.get_by_role("button", name="Requeue selected").click()
        await expect(
            browser_page.get_by_role("status").filter(has_text=f"job {refs[0].id} queued again")
        ).to_be_visible()
        assert (await jobs.wait(refs[0], timeout=30)).response == "1 rows"

        await browser_page.get_by_role("link", name=str(refs[1].id), exact=True).click()
        panel = browser_page.get_by_role("complementary")
        await expect(panel.get_by_text("ValueError").first).to_be_visible()
        await panel.get_by_text("Edit and run again").click()
        await panel.get_by_label("Request", exact=True).fill('{"rows": 7}')
        await panel.get_by_label("Tag").fill("by hand")
        await panel.get_by_role("button", name="Show the difference").click()
        await expect(browser_page.locator("del")).to_have_text('-   "rows": -1')
        await expect(browser_page.locator("ins")).to_have_text('+   "rows": 7')
        await expect(browser_page.get_by_role("row", name="tag none by hand")).to_be_visible()
        await browser_page.get_by_role("button", name="Run it").click()
        said = browser_page.get_by_role("status").filter(has_text=f"takes the place of job {refs[1].id}")
        await expect(said).to_be_visible()
        new = await jobs.get(int(re.findall(r"\d+", await said.inner_text())[0]))
        assert new is not None
        done = await jobs.wait(new.id, timeout=30)
        assert (done.response, done.tag, done.parent_id) == ("7 rows", "by hand", refs[1].id)
        old = await jobs.get(refs[1].id)
        assert old is not None
        assert (old.state, old.request) == ("failed", {"rows": -1})
        assert await browser_page.title() != "owned"


@pytest.mark.once
async def test_a_search_is_completed_with_keys_and_errors_stand_under_the_box(jobs: Jobs, browser_page: Page) -> None:
    jobs.declare("send_mail")
    async with jobs, shown(jobs) as url:
        for queue in ("mail", "mail, slow"):
            await jobs.enqueue("send_mail", queue=queue, tag="x")
        await browser_page.goto(url)
        box = browser_page.get_by_role("combobox", name="Search")
        await browser_page.keyboard.press("/")
        await expect(box).to_be_focused()
        await box.press_sequentially("que")
        await expect(browser_page.get_by_role("option", name="queue:")).to_be_visible()
        await box.press("ArrowDown")
        await expect(box).to_have_attribute("aria-activedescendant", "proposal-0")
        await box.press("Enter")
        await expect(box).to_have_value("queue:")
        await expect(browser_page.locator("#proposals li")).to_have_count(2)
        await box.press("ArrowUp")
        await box.press("Enter")
        await expect(box).to_have_value('queue:"mail, slow" ')
        await expect(browser_page.locator("#proposals")).to_be_hidden()
        await box.press("Enter")
        await expect(browser_page.locator("table.jobs tbody tr")).to_have_count(1)

        month = browser_page.get_by_label("Created in")
        this = await month.locator("option").nth(1).get_attribute("value")
        assert this is not None
        await month.select_option(this)
        await expect(browser_page).to_have_url(re.compile(f"month={this}"))
        await expect(browser_page.locator("table.jobs tbody tr")).to_have_count(1)

        await box.fill("attempts:many")
        await box.press("Enter")
        alert = browser_page.get_by_role("alert")
        await expect(alert.locator("mark")).to_have_text("many")
        await expect(alert).to_contain_text("a number is expected")
        await expect(box).to_have_attribute("aria-invalid", "true")


@pytest.mark.once
async def test_columns_order_and_request_with_the_keyboard_alone(jobs: Jobs, browser_page: Page) -> None:
    jobs.declare("a")
    async with jobs, shown(jobs) as url:
        refs = [await jobs.enqueue("a", {"n": n}, priority=n % 2) for n in range(3)]
        scripts = browser_page.locator("html.scripts")
        await browser_page.goto(url)
        await expect(scripts).to_have_count(1)  # keys are heard from then on
        await browser_page.locator("summary", has_text="Columns").focus()
        await browser_page.keyboard.press("Enter")
        await browser_page.get_by_label("Priority").focus()
        await browser_page.keyboard.press("Space")
        await browser_page.get_by_role("button", name="Show these").focus()
        await browser_page.keyboard.press("Enter")
        header = browser_page.get_by_role("columnheader", name="Priority").get_by_role("link")
        await header.focus()
        await browser_page.keyboard.press("Enter")
        first = browser_page.locator("table.jobs tbody tr").first
        await expect(first).to_have_id(f"job-{refs[1].id}")
        await browser_page.get_by_role("columnheader", name="Created").get_by_role("link").click(modifiers=["Shift"])
        await expect(browser_page).to_have_url(re.compile("sort=-priority%2C-created"))
        await browser_page.goto(url)  # remembered
        await expect(browser_page.get_by_role("columnheader", name="Priority")).to_have_attribute(
            "aria-sort", "descending"
        )
        await first.locator("summary").focus()
        await browser_page.keyboard.press("Enter")
        await expect(first.locator(".peek pre")).to_have_text(json.dumps({"n": 1}, indent=2))
        await first.get_by_role("link", name=str(refs[1].id), exact=True).focus()
        await browser_page.keyboard.press("Enter")
        panel = browser_page.get_by_role("complementary", name=f"Job {refs[1].id}")
        await expect(panel.get_by_text("No node is alive")).to_be_visible()
        await expect(scripts).to_have_count(1)
        await browser_page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)


@pytest.mark.once
async def test_a_phone_and_a_browser_without_scripts_can_do_it_all(jobs: Jobs, browser_page: Page) -> None:
    jobs.declare("a")
    browser = browser_page.context.browser
    assert browser is not None
    async with jobs, shown(jobs) as url:
        refs = [await jobs.enqueue("a", {"n": "x" * 300}, tag="long " * 20) for _ in range(3)]
        await browser_page.set_viewport_size({"width": 390, "height": 800})
        for path in ("", f"?job={refs[0].id}", "?q=state:x", "?q=state:failed"):
            await browser_page.goto(url + path)
            await expect(browser_page.locator("main")).to_be_visible()
            assert await browser_page.evaluate("document.documentElement.scrollWidth") <= 390, path

        plain = await browser.new_page(java_script_enabled=False)
        await plain.goto(url)
        await plain.get_by_label("Search").fill("state:queued")
        await plain.get_by_role("button", name="Search").click()
        await plain.get_by_role("checkbox", name=f"Select job {refs[0].id}").check()
        await plain.get_by_role("checkbox", name=f"Select job {refs[2].id}").check()
        await plain.get_by_role("button", name="Cancel selected").click()
        await expect(plain.get_by_text("2 jobs cancelled")).to_be_visible()
        await expect(plain.locator("table.jobs tbody tr")).to_have_count(1)
        await plain.get_by_role("link", name="Clear").click()
        await expect(plain.get_by_label("Search")).to_have_value("")
        await plain.get_by_role("link", name="Cancelled 2").click()
        await expect(plain.locator("table.jobs tbody tr")).to_have_count(2)
        await plain.get_by_role("link", name=str(refs[0].id), exact=True).click()
        await plain.get_by_role("button", name="Requeue").last.click()
        await expect(plain.get_by_text(f"job {refs[0].id} queued again")).to_be_visible()
        await plain.close()
