"""The stack of a running job: its node is asked, and tells functions and lines, not what stands in variables."""

from __future__ import annotations

import asyncio
import threading

import pytest
from playwright.async_api import Page, expect

from dbjobs import Jobs, JobState
from dbjobs.admin.api import job_stack
from dbjobs.engine.stacks import Stacks
from dbjobs.store import repository
from tests.admin.asking import ROOT, TOKENS, VIEW, admin, asking
from tests.admin.serving import served
from tests.conformance.helpers import eventually, state_of

SECRET = "4111-1111-1111-1111"


async def waits_deep_inside(go: asyncio.Event, card: str) -> None:
    await go.wait()


async def test_a_running_job_tells_where_it_is(jobs: Jobs) -> None:
    go, loose = asyncio.Event(), threading.Event()

    @jobs.command
    async def charge(card: str) -> None:
        await waits_deep_inside(go, card)

    @jobs.command
    def convert(card: str) -> None:
        loose.wait(60)

    async with jobs.start(lease_seconds=3.0), asking(admin(jobs, tokens=TOKENS).application) as client:
        try:
            for name, shown in (("charge", "await waits_deep_inside(go, card)"), ("convert", "loose.wait(60)")):
                ref = await jobs.enqueue(name, SECRET)

                async def runs(ref: object = ref) -> bool:
                    return await state_of(jobs, ref) is JobState.STARTED  # type: ignore[arg-type]

                await eventually(runs, "it runs")
                assert (await client.post("/api/job/stack", json={"id": ref.id}, headers=VIEW)).status_code == 403
                answer = await client.post("/api/job/stack", json={"id": ref.id}, headers=ROOT)
                assert answer.status_code == 200, answer.text
                stack = answer.json()
                assert (stack["id_text"], stack["attempt"]) == (str(ref.id), 1)
                assert f"in {name}" in stack["frames"][0]
                assert any(shown in frame for frame in stack["frames"])
                assert SECRET not in answer.text
        finally:
            go.set()
            loose.set()
        await jobs.wait(ref, timeout=20)
        ended = await client.post("/api/job/stack", json={"id": ref.id}, headers=ROOT)
        assert (ended.status_code, "only a running job" in ended.json()["message"]) == (422, True)
        written = await repository.list_audit(jobs._client.db, 2**62, 100)
        assert [one.outcome for one in written if one.action == "ask_stack"] == [
            "failed", "done", "refused", "done", "refused",
        ]  # fmt: skip


@pytest.mark.once
async def test_a_node_that_does_not_answer_is_not_waited_for(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(self: Stacks) -> float:
        return 60.0

    monkeypatch.setattr(Stacks, "look", silent)
    monkeypatch.setattr(job_stack, "PATIENCE_SECONDS", 0.1)
    begun, go = asyncio.Event(), asyncio.Event()

    @jobs.command
    async def work(what: str) -> None:
        begun.set()
        await go.wait()

    async with jobs.start(), asking(admin(jobs, tokens=TOKENS).application) as client:
        ref = await jobs.enqueue(work, "x")
        await begun.wait()
        answer = await client.post("/api/job/stack", json={"id": ref.id}, headers=ROOT)
        assert (answer.status_code, "has not answered" in answer.json()["message"]) == (422, True)
        go.set()


@pytest.mark.once
async def test_a_stack_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    """For a visitor who may reveal, and nothing else."""
    begun, go = asyncio.Event(), asyncio.Event()

    @jobs.command
    async def charge(card: str) -> None:
        begun.set()
        await waits_deep_inside(go, card)

    page = browser_page
    async with jobs.start(lease_seconds=3.0), served(jobs.admin(authorize=lambda request: ["view", "reveal"])) as base:
        ref = await jobs.enqueue(charge, SECRET)
        await begun.wait()
        await page.goto(f"{base}/job?id={ref.id}")
        await expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
        await page.get_by_role("button", name="Where is it now?").click()
        await expect(page.get_by_label("Stack")).to_contain_text("waits_deep_inside", timeout=30_000)
        await page.get_by_role("link", name=f"Back to job {ref.id}").click()
        await expect(page.get_by_role("button", name="Where is it now?")).to_be_visible()
        go.set()
