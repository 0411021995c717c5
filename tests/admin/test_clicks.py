"""What a hand does while a page changes: nothing is lost, done twice, or done to another thing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.responses import HTMLResponse, RedirectResponse

from dbjobs import JobRef, Jobs, JobState
from dbjobs.store import repository
from tests.admin.serving import served

pytestmark = pytest.mark.once
# What was sent before has arrived, and was acted upon: two requests behind it are answered.
SETTLED = "fetch('audit').then((answer) => answer.text()).then(() => fetch('audit')).then((answer) => answer.text())"


async def actions(jobs: Jobs) -> list[str]:
    """What was done on the page, the latest first."""
    return [entry.action for entry in await repository.list_audit(jobs._client.db, 2**62, 100)]


async def ended(jobs: Jobs) -> JobRef[Any]:
    """A job that was cancelled."""
    jobs.declare("work")
    ref = await jobs.enqueue("work")
    await jobs.cancel(ref)
    return ref


async def test_a_row_stays_that_of_its_queue(jobs: Jobs, browser_page: Page) -> None:
    """A queue that comes before it in the list takes neither what was typed nor the click."""
    async with jobs, served(jobs.admin()) as base:
        await jobs.queues.pause("mail")
        await browser_page.goto(f"{base}/queues")
        await expect(browser_page.locator("#live")).to_have_text("live")
        await browser_page.get_by_label("Limit of mail", exact=True).fill("7")
        await jobs.queues.pause("abc")
        await expect(browser_page.get_by_role("button", name="1 new")).to_be_visible()
        await browser_page.keyboard.press("Enter")
        await expect(browser_page.get_by_role("row", name="abc")).to_be_visible()
        assert {one.queue: one.concurrency for one in await jobs.queues.list()} == {"abc": None, "mail": 7}


async def test_between_press_and_click_a_button_stays_the_same(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await jobs.queues.resume("mail")
        await browser_page.goto(f"{base}/queues")
        await expect(browser_page.locator("#live")).to_have_text("live")
        await browser_page.get_by_role("button", name="Pause mail").hover()
        await browser_page.mouse.down()
        async with browser_page.expect_response(lambda answer: answer.url.endswith("/queues")):
            await jobs.queues.pause("mail")  # by somebody else
        await browser_page.evaluate(SETTLED)
        await browser_page.mouse.up()
        await expect(browser_page.get_by_role("status").filter(has_text="mail is paused")).to_be_visible()
        assert await actions(jobs) == ["pause_queue"]


async def test_the_actions_of_a_job_do_not_change_under_the_pointer(jobs: Jobs, browser_page: Page) -> None:
    """Who is about to cancel a job does not queue it again."""
    async with jobs, served(jobs.admin()) as base:
        jobs.declare("work")
        ref = await jobs.enqueue("work")
        await browser_page.goto(f"{base}/job?id={ref.id}")
        await expect(browser_page.locator("#live")).to_have_text("live")
        cancel, requeue = (browser_page.get_by_role("button", name=name, exact=True) for name in ("Cancel", "Requeue"))
        await cancel.hover()
        place = await cancel.bounding_box()
        await jobs.cancel(ref)
        await expect(browser_page.locator("#job-state")).to_have_text("cancelled")
        await expect(browser_page.get_by_role("button", name="Show changes")).to_be_visible()
        assert await cancel.bounding_box() == place, "what is longer or shorter now stands below it"
        async with browser_page.expect_response(lambda answer: answer.url.endswith(f"/job?id={ref.id}")):
            await browser_page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await browser_page.evaluate(SETTLED)
        await expect(cancel).to_be_visible()
        await expect(requeue).to_have_count(0)
        await browser_page.get_by_role("button", name="Show changes").click()
        await expect(requeue).to_be_visible()
        await expect(cancel).to_have_count(0)


async def test_a_form_that_changes_something_is_sent_once(jobs: Jobs, browser_page: Page) -> None:
    page = jobs.admin()
    came, go = asyncio.Event(), asyncio.Event()
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            sent.append(scope["path"])
            came.set()
            await go.wait()
        await page(scope, receive, send)

    async with jobs, served(app) as base:
        ref = await ended(jobs)
        await browser_page.goto(f"{base}/job?id={ref.id}")
        await expect(browser_page.locator("html.scripts")).to_have_count(1)
        box = await browser_page.get_by_role("button", name="Replay").bounding_box()
        assert box is not None
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        await browser_page.mouse.click(*place)
        async with asyncio.timeout(20):
            await came.wait()
        await browser_page.mouse.click(*place)  # while the answer to the first has not come
        go.set()
        await expect(browser_page.get_by_role("status").filter(has_text=f"runs job {ref.id} once more")).to_be_visible()
        assert sent == ["/act/replay_job"]
        assert len(await jobs.list()) == 2


async def test_enter_in_a_tick_box_cancels_nothing(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        jobs.declare("work")
        ref = await jobs.enqueue("work")
        await browser_page.goto(f"{base}/jobs")
        await expect(browser_page.locator("html.scripts")).to_have_count(1)
        await browser_page.get_by_label(f"Select job {ref.id}").focus()
        await browser_page.keyboard.press("Space")
        await expect(browser_page.locator("#chosen")).to_have_text("1 selected")
        await browser_page.keyboard.press("Enter")
        await browser_page.evaluate(SETTLED)
        assert await actions(jobs) == []
        job = await jobs.get(ref)
        assert job is not None
        assert job.state is JobState.QUEUED


COMPOSING = """(name) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key: name, isComposing: true, bubbles: true, cancelable: true }))"""


async def test_escape_does_not_throw_away_what_somebody_types(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        ref = await ended(jobs)
        await browser_page.goto(f"{base}/queues?job={ref.id}")
        await expect(browser_page.locator(".panel .close")).to_be_focused()
        await browser_page.evaluate(COMPOSING, "Escape")
        await browser_page.locator("#edit summary").click()
        queue = browser_page.locator("#edit input[name=queue]")
        await queue.fill("mail")
        await browser_page.keyboard.press("Escape")
        await expect(queue).not_to_be_focused()
        await expect(queue).to_have_value("mail")
        await browser_page.keyboard.press("Control+Escape")
        await browser_page.evaluate(SETTLED)
        await expect(queue).to_be_visible()
        await browser_page.keyboard.press("Escape")
        await expect(browser_page.locator(".panel")).to_have_count(0)


async def test_the_panel_of_a_request_is_closed_by_escape(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await browser_page.goto(f"{base}/requests?request=20260131T093000.123456-1f")
        await expect(browser_page.locator(".panel .close")).to_be_focused()
        await browser_page.keyboard.press("Escape")
        await expect(browser_page.locator(".panel")).to_have_count(0)


async def test_keys_of_an_input_method_choose_no_proposal_and_no_page(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await browser_page.goto(f"{base}/jobs")
        box = browser_page.locator("#q")
        await expect(box).to_have_attribute("role", "combobox")
        await box.press_sequentially("sta")
        await expect(browser_page.get_by_role("option").first).to_be_visible()
        await browser_page.keyboard.press("ArrowDown")
        await browser_page.evaluate(COMPOSING, "Enter")
        await expect(box).to_have_value("sta")
        await box.fill("")
        await box.blur()
        await browser_page.keyboard.press(".")
        dialog = browser_page.get_by_role("dialog", name="Go to")
        await expect(dialog.get_by_role("searchbox")).to_be_focused()
        await browser_page.evaluate(COMPOSING, "Enter")
        await browser_page.evaluate(SETTLED)
        await expect(dialog).to_be_visible()


async def test_a_copy_button_gets_its_words_back(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await browser_page.goto(f"{base}/jobs")
        await expect(browser_page.locator("html.scripts")).to_have_count(1)
        await browser_page.get_by_text("Export and copy").click()
        button = browser_page.locator("[data-copy-url='']")
        await button.click()
        await expect(button).to_have_text(re.compile("Copied|Press"))
        await button.click()
        await expect(button).to_have_text("Copy the URL")


async def test_a_login_page_of_the_application_is_not_taken_for_ours(jobs: Jobs, browser_page: Page) -> None:
    page = jobs.admin()
    knows = True

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/login-of-the-application":
            await HTMLResponse("<h1>Who are you?</h1>")(scope, receive, send)
        elif scope["type"] == "http" and not knows:
            await RedirectResponse("/login-of-the-application", 303)(scope, receive, send)
        else:
            await page(scope, receive, send)

    async with jobs, served(app) as base:
        await jobs.queues.pause("mail")
        await browser_page.goto(f"{base}/queues")
        await expect(browser_page.locator("#live")).to_have_text("live")
        knows = False
        await jobs.queues.resume("mail")
        await expect(browser_page.locator("#live")).to_contain_text("logged out")
        knows = True
        await browser_page.evaluate("dispatchEvent(new Event('focus'))")
        await expect(browser_page.locator("#live")).to_have_text("live")


async def test_a_name_that_turns_the_direction_of_text_turns_only_its_own(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await jobs.queues.pause("\u202email")
        await browser_page.goto(f"{base}/queues")
        name = await browser_page.locator("#queues tbody th a").bounding_box()
        mark = await browser_page.locator("#queues tbody th .tag").bounding_box()
        assert name is not None
        assert mark is not None
        assert mark["x"] >= name["x"] + name["width"]


async def test_after_midnight_a_time_of_yesterday_has_its_date(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await browser_page.clock.install()
        await browser_page.goto(f"{base}/queues")
        await jobs.queues.pause("mail")
        await browser_page.reload()
        await browser_page.get_by_role("button", name="Resume mail").click()
        await browser_page.goto(f"{base}/audit")
        moment = browser_page.locator("#audit tbody time")
        await expect(moment).to_have_text(re.compile(r"\d+:\d\d:\d\d"))
        await browser_page.clock.fast_forward(24 * 3600 * 1000)
        await expect(moment).to_have_text(re.compile(r"\d{4}"))


async def test_a_number_of_a_request_is_shown_as_it_is(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        jobs.declare("work")
        await jobs.enqueue("work", {"n": 2**53 + 1, "list": [-(2**63), 0.5, 7]})
        await browser_page.goto(f"{base}/jobs")
        await expect(browser_page.locator("html.scripts")).to_have_count(1)
        await browser_page.locator("details.peek summary").click()
        shown = browser_page.locator("details.peek pre")
        await expect(shown).to_contain_text(f'"n": {2**53 + 1}')
        await expect(shown).to_contain_text(f"{-(2**63)},")


BLOCKED = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get: () => { throw new DOMException("blocked", "SecurityError"); } });
}
"""


async def test_where_a_browser_keeps_nothing_the_page_works_all_the_same(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await jobs.queues.pause("mail")
        await browser_page.add_init_script(BLOCKED)
        await browser_page.goto(f"{base}/queues")
        await expect(browser_page.locator("#live")).to_have_text("live")
        await browser_page.get_by_role("button", name="Light or dark").click()
        await expect(browser_page.locator("html")).to_have_attribute("data-theme", re.compile("light|dark"))
        await browser_page.get_by_role("button", name="Pause live updates").click()
        await expect(browser_page.locator("#live")).to_have_text("paused")
