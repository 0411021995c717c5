"""The audit: every action is in it, refused and failed ones too; filtered in bounded looks; kept for a year."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from dbjobs.admin.api import audit
from dbjobs.store import repository
from tests.admin.calling import api_of
from tests.admin.serving import served


async def write(jobs: Jobs, count: int, **more: Any) -> None:
    """Entries as actions leave them."""
    entry: dict[str, Any] = {
        "actor": "ann",
        "action": "cancel_job",
        "target": "job 1",
        "outcome": "done",
        "details": {},
    }
    for number in range(count):
        await repository.insert_audit(jobs._client.db, **{**entry, "details": {"number": number}, **more})


async def test_actions_are_written_down_and_found(jobs: Jobs) -> None:
    async with jobs, api_of(jobs) as api, api_of(jobs, verbs=["view"]) as viewer:
        await api.post("/queues/pause", json={"queue": "mail"})
        await viewer.post("/queues/pause", json={"queue": "mail"})
        await api.post("/schedules/run", json={"task": "none"})
        page = (await api.get("/audit")).json()
        assert [(one["action"], one["outcome"]) for one in page["entries"]] == [
            ("run_schedule", "failed"), ("pause_queue", "refused"), ("pause_queue", "done"),
        ]  # fmt: skip
        assert page["before_id"] is None
        assert page["entries"][2]["details"] == {"queue": "mail", "message": "mail is paused"}
        assert page["entries"][0]["details"]["error"].startswith("there is no scheduled task 'none'")
        assert (await viewer.get("/audit")).status_code == 403

        async def found(**asked: Any) -> list[str]:
            return [one["outcome"] for one in (await api.get("/audit", params=asked)).json()["entries"]]

        assert await found(outcome="refused") == ["refused"]
        assert await found(action="PAUSE") == ["refused", "done"]
        assert await found(target="task") == ["failed"]
        assert await found(actor="nobody") == []
        assert await found(since="2000-01-01T00:00", until="2000-01-02T00:00") == []
        assert await found(since="2000-01-01") == ["failed", "refused", "done"]
        assert (await api.get("/audit", params={"outcome": "odd"})).status_code == 422


async def test_a_look_is_bounded_and_goes_on(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "SLICE", 3)
    monkeypatch.setattr(audit, "LOOK_SECONDS", 0.0)
    async with jobs, api_of(jobs) as api:
        await write(jobs, 1, actor="ben")
        await write(jobs, 7)
        looks, entries, before = 0, [], None
        while True:
            asked = {"actor": "ben", **({} if before is None else {"before_id": before})}
            page = (await api.get("/audit", params=asked)).json()
            looks += 1
            entries += page["entries"]
            before = page["before_id"]
            if before is None:
                break
            assert page["reached_at"] is not None
        assert ([one["actor"] for one in entries], looks) == (["ben"], 3)
        first = (await api.get("/audit", params={"limit": 2})).json()
        assert [one["details"]["number"] for one in first["entries"]] == [6, 5]
        second = (await api.get("/audit", params={"limit": 2, "before_id": first["before_id"]})).json()
        assert [one["details"]["number"] for one in second["entries"]] == [4, 3]


async def test_old_entries_are_dropped(jobs: Jobs) -> None:
    async with jobs:
        db = jobs._client.db
        await write(jobs, 3)
        await repository.drop_audit(db, timedelta(days=366).total_seconds())
        assert len(await repository.list_audit(db, 2**62, 10)) == 3
        await repository.drop_audit(db, 0.0)
        assert await repository.list_audit(db, 2**62, 10) == []


@pytest.mark.once
async def test_the_audit_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    page = browser_page
    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await write(jobs, 1, actor="<b>mallory</b>", target="<script>alert(1)</script>", outcome="refused")
        await write(jobs, 2)
        await page.goto(f"{base}/jobs/audit")
        await page.get_by_label("Outcome").select_option("refused")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("row")).to_have_count(2)
        await expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
        await page.get_by_text("input").click()
        await expect(page.get_by_text('"number": 0')).to_be_visible()
        await page.goto(f"{base}/jobs/audit?since=never")
        await expect(page.get_by_role("alert")).to_be_visible()
