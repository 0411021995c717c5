"""Failures by cause on the page and in the API, and what is done to all jobs of one."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Backoff, Jobs, JobState
from tests.admin.serving import served
from tests.admin.test_overview import asking
from tests.conformance.helpers import eventually, wait_all


def refuse(to: str) -> None:
    raise ConnectionError(f"<script>{to} refused")


def stumble(to: str) -> None:
    raise ConnectionError(f"{to} stumbled")


async def act(client: httpx.AsyncClient, path: str, **body: object) -> httpx.Response:
    """An action, as a program on this machine asks for it."""
    page = (await client.get("failures")).text
    token = page.partition('<meta name="dbjobs-token" content="')[2].partition('"')[0]
    return await client.post(f"api/{path}", json=body, headers={"x-dbjobs-token": token})


async def test_a_cause_is_requeued_and_cancelled_as_a_whole(jobs: Jobs) -> None:
    mended = False

    @jobs.command(retry_limit=0)
    async def send(to: str) -> None:
        if not mended:
            (refuse if to.startswith("a") else stumble)(to)

    @jobs.command(retry_limit=5, retry=Backoff(first_seconds=3600))
    async def again(to: str) -> None:
        refuse(to)

    async with jobs, asking(jobs) as client:
        async with jobs.start():
            refs = [await jobs.enqueue(send, to) for to in ("a1", "a2", "b1")]
            waiting = await jobs.enqueue(again, "a3")
            await wait_all(jobs, refs)

            async def failed() -> bool:
                return bool((job := await jobs.get(waiting)) and job.errors)

            await eventually(failed, "the first attempt has failed", timeout=30)
        listed = (await client.get("api/failures", params={"period": "today"})).json()["failures"]
        places = {(one["command"], one["frame"].rpartition(":")[2]): one for one in listed}
        assert {key: (one["jobs"], one["attempts"]) for key, one in places.items()} == {
            ("send", "refuse"): (2, 2), ("send", "stumble"): (1, 1), ("again", "refuse"): (0, 1),
        }  # fmt: skip
        one = places["send", "refuse"]
        assert one["sample_texts"] == [str(refs[1].id), str(refs[0].id)]
        found = (await client.get("api/failures", params={"q": "STUMBLED", "command": "send"})).json()["failures"]
        assert [one["message"] for one in found] == ["ConnectionError: b1 stumbled"]
        page = (await client.get("failures", params={"cause": one["cause"]})).text
        assert "&lt;script&gt;a2 refused" in page
        assert "<script>a" not in page
        mended = True
        done = await act(client, "failures/requeue", cause=one["cause"], period="today")
        assert (done.status_code, done.json()["count"]) == (200, 2)
        cancelled = await act(client, "failures/cancel", cause=places["again", "refuse"]["cause"], period="today")
        assert cancelled.json() == {"message": "1 job cancelled", "count": 1}
        async with jobs.start():
            states = [job.state for job in await wait_all(jobs, [*refs, waiting])]
        assert states == [JobState.COMPLETED, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED]
        unknown = await act(client, "failures/requeue", cause="0" * 32)
        assert unknown.status_code == 404
        assert "nothing has failed of the cause" in unknown.json()["message"]
        assert (await act(client, "failures/requeue", cause="x")).status_code == 422


@pytest.mark.once
async def test_a_cause_is_opened_and_requeued_with_a_click(jobs: Jobs, browser_page: Page) -> None:
    mended = False

    @jobs.command(retry_limit=0)
    async def send(to: str) -> None:
        if not mended:
            refuse(to)

    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        async with jobs.start():
            refs = [await jobs.enqueue(send, f"a{n}") for n in range(3)]
            await wait_all(jobs, refs)
        await browser_page.goto(f"{base}/jobs/failures")
        await expect(browser_page.get_by_role("img", name="Attempts that failed")).to_be_visible()
        await browser_page.get_by_role("link", name="ConnectionError").click()
        await expect(browser_page.get_by_role("heading", name="ConnectionError send")).to_be_visible()
        await expect(browser_page.locator("#chosen pre")).to_contain_text("<script>a2 refused")
        mended = True
        await browser_page.get_by_role("button", name="Requeue these jobs").click()
        await expect(browser_page.get_by_role("status").filter(has_text="3 jobs queued again")).to_be_visible()
        await browser_page.set_viewport_size({"width": 390, "height": 800})
        assert await browser_page.evaluate("document.documentElement.scrollWidth") <= 390
        async with jobs.start():
            assert {job.state for job in await wait_all(jobs, refs)} == {JobState.COMPLETED}
