"""The commands page: a summary, one command with its charts, the latest jobs and runs, and errors."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from dbjobs.admin.api import commands, failures
from dbjobs.inspect import finding
from tests.admin.rollups import put
from tests.admin.serving import served
from tests.admin.test_overview import asking
from tests.conformance.helpers import wait_all

NAME = "mail/of träge.x?#%"


async def test_commands_with_what_they_did_and_what_they_are(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "KEEP_SECONDS", 0.0)

    @jobs.command(name=NAME, tags=("mail",), queue="mail", retry_limit=0, timeout=7)
    async def send(to: str) -> str:
        """Send <one> mail.

        And wait for its receipt.
        """
        if to == "nobody":
            raise KeyError(to)
        return to

    @jobs.command
    def never() -> None: ...

    async with jobs, asking(jobs) as client:
        await put(jobs, 3 * 86_400, command="POST /orders/{id}", completed=3, failed=1)
        async with jobs.start():
            refs = [await jobs.enqueue(send, to) for to in ("a", "b", "nobody")]
            await wait_all(jobs, refs)
            await jobs.run(send, "c")
            listed = (await client.get("api/commands")).json()["commands"]
            detail = (await client.get("api/commands/one", params={"name": NAME})).json()
        rows = {row["name"]: row for row in listed}
        assert [row["name"] for row in listed][:2] == ["POST /orders/{id}", NAME]
        mine = rows[NAME]
        assert (mine["total"], mine["failed"], mine["runs"], mine["nodes"], mine["here"]) == (3, 1, 1, 1, True)
        assert (mine["tags"], mine["about"]) == (["mail"], "Send <one> mail.")
        assert (rows["never"]["total"], rows["POST /orders/{id}"]["kind"]) == (0, "api")
        assert rows["POST /orders/{id}"]["p95_ms"] == pytest.approx(70, rel=0.1)
        found = (await client.get("api/commands", params={"type": "apis"})).json()["commands"]
        assert [row["name"] for row in found] == ["POST /orders/{id}"]
        found = (await client.get("api/commands", params={"q": "SEND <ONE>"})).json()["commands"]
        assert [row["name"] for row in found] == [NAME]
        assert detail["registered"]["defaults"] == {"queue": "mail", "retry_limit": 0, "timeout_seconds": 7.0}
        assert (detail["registered"]["request_type"], detail["registered"]["runs_in"]) == ("str", "event loop")
        assert "receipt" in detail["registered"]["about"]
        assert detail["totals"]["total"] == 3
        assert [(one["transient"], one["state"]) for one in detail["latest"]].count((True, "completed")) == 1
        assert {one["id"] for one in detail["latest"] if not one["transient"]} == {ref.id for ref in refs}
        detail = (await client.get("api/commands/one", params={"name": NAME})).json()  # counts are written by now
        assert [(one["code"], one["jobs"]) for one in detail["failures"]] == [("KeyError", 1)]
        latest = (await client.get("api/commands/latest", params={"failed": "true"})).json()
        assert [(one["id"], one["error_code"]) for one in latest["latest"]] == [(refs[2].id, "KeyError")]
        assert latest["complete"]
        assert (await client.get("api/commands/one", params={"name": "nothing"})).status_code == 404
        page = (await client.get("commands", params={"name": NAME})).text
        assert "Send &lt;one&gt; mail." in page
        assert (await client.get("commands", params={"tab": "x"})).status_code == 422


@pytest.mark.once
async def test_a_backlog_of_others_does_not_hide_what_a_command_has_done(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at both would spend its time on what waits, which is younger."""
    monkeypatch.setattr(finding, "FIRST_SLICE", 5)
    monkeypatch.setattr(commands, "LOOK_SECONDS", 0.0001)

    @jobs.command
    async def send(to: str) -> None:
        pass

    async with jobs.start(), asking(jobs) as client:
        sent = await jobs.enqueue(send, "a")
        await jobs.wait(sent, timeout=20)
        await jobs.queues.pause("imports")
        jobs.declare("sync")
        await jobs.enqueue_many("sync", [None] * 20, queue="imports")
        waits = await jobs.enqueue(send, "b", queue="imports")
        detail = (await client.get("api/commands/one", params={"name": "send"})).json()
        assert [one["id"] for one in detail["latest"]] == [waits.id, sent.id]


@pytest.mark.once
async def test_a_command_opens_with_its_charts(jobs: Jobs, browser_page: Page) -> None:
    @jobs.command(name=NAME)
    async def send(to: str) -> None:
        """Send one mail."""

    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await put(jobs, 86_400, command="GET /sync", completed=12)
        async with jobs.start():
            await wait_all(jobs, [await jobs.enqueue(send, "a")])
        await browser_page.goto(f"{base}/jobs/commands")
        await browser_page.get_by_role("link", name=NAME).click()
        await expect(browser_page.get_by_role("img", name="Run time")).to_be_visible()
        await expect(browser_page.get_by_role("heading", name=NAME)).to_be_visible()
        await expect(browser_page.get_by_role("region", name=f"Latest of {NAME}")).to_contain_text("completed")
        await browser_page.get_by_role("link", name="Close").first.click()
        await browser_page.get_by_label("Type").select_option("apis")
        await browser_page.get_by_role("button", name="Show").last.click()
        await expect(browser_page.get_by_role("row", name="GET /sync")).to_be_visible()
        await expect(browser_page.get_by_role("row", name=NAME)).to_have_count(0)
        await browser_page.get_by_role("link", name="Latest", exact=True).click()
        await expect(browser_page.get_by_text("Nothing has ended yet.")).to_be_visible()
        await browser_page.set_viewport_size({"width": 390, "height": 800})
        assert await browser_page.evaluate("document.documentElement.scrollWidth") <= 390
