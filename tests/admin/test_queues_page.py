"""The pages of queues and workers and their API: depth, rate, who comes next, limits; lanes, blocked or held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Backoff, Jobs, Schedule
from dbjobs.admin.api.queues import per_minute
from dbjobs.models import MinuteStat
from dbjobs.store import repository
from tests.admin.calling import api_of
from tests.admin.serving import served
from tests.conformance.helpers import Gate, eventually

AWKWARD = "mail/of träge.x?#%<b>"


async def test_queues_tell_their_depth_rate_and_who_comes_next(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def divide(by: int) -> float:
        return 1 / by

    async with jobs.start(), api_of(jobs) as api:
        for by in (1, 2, 0):
            await jobs.wait(await jobs.enqueue(divide, by, queue="done"), timeout=20)
        assert (await api.post("/queues/pause", json={"queue": AWKWARD})).status_code == 200
        refs = [await jobs.enqueue(divide, 1, queue=AWKWARD, priority=priority) for priority in (5, 0, 5)]
        await jobs.enqueue(divide, 1, queue=AWKWARD, run_after=3600)
        queues = {queue["name"]: queue for queue in (await api.get("/queues")).json()["queues"]}
        held = queues[AWKWARD]
        assert (held["paused"], held["counts"]) == (True, {"queued": 3, "scheduled": 1})
        assert (held["next_job"], held["next_job_text"]) == (refs[1].id, str(refs[1].id))
        assert 0 <= held["next_waits_seconds"] < 600
        assert (queues["done"]["ended"], queues["done"]["failed"], queues["done"]["next_job"]) == (3, 1, None)
        assert sum(queues["done"]["minutes"]) == 3
        limited = {"queue": AWKWARD, "concurrency": 3}
        assert (await api.post("/queues/limit", json=limited)).json()["message"].endswith("3 at a time on each node")
        found = (await api.get("/queues", params={"name": "TRÄGE"})).json()
        assert [(queue["name"], queue["concurrency"]) for queue in found["queues"]] == [(AWKWARD, 3)]
        assert (await api.post("/queues/limit", json={"queue": AWKWARD})).json()["message"].endswith("no limit")
        assert (await api.get("/queues", params={"after": "done"})).json()["queues"][0]["name"] == AWKWARD
        assert (await api.post("/queues/limit", json={**limited, "concurrency": 0})).status_code == 422
        await api.post("/queues/resume", json={"queue": AWKWARD})
        await jobs.wait(refs[2], timeout=20)


async def test_workers_tell_who_holds_them_and_why_they_stand(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command(retry_limit=3, retry=Backoff(first_seconds=3000, jitter=0))
    async def work(what: str) -> None:
        if what == "fail":
            raise ValueError(what)
        await gate()

    async with jobs.start() as engine, api_of(jobs) as api:
        first = await jobs.enqueue(work, "wait", worker="smtp")
        second = await jobs.enqueue(work, "wait", worker="smtp")
        failing = await jobs.enqueue(work, "fail", worker="blocked/lane")

        async def both_stand() -> Any:
            lanes = {lane["name"]: lane for lane in (await api.get("/workers")).json()["workers"]}
            smtp, blocked = lanes.get("smtp"), lanes.get("blocked/lane")
            return smtp and blocked and smtp["running"] and blocked["blocked_by"] and (smtp, blocked)

        smtp, blocked = await eventually(both_stand, "one works and the other is blocked")
        assert (smtp["running"], smtp["node"]) == (first.id, engine.node_id)
        assert smtp["head"] in (second.id, None), "it may have been claimed with the first"
        assert (blocked["blocked_text"], blocked["queued"]) == (str(failing.id), 0)
        until = datetime.fromisoformat(blocked["blocked_until"])
        assert until > datetime.now(UTC) + timedelta(minutes=20)
        started = (await api.post("/workers/cancel", json={"worker": "smtp"})).json()
        await jobs.wait(started["id"], timeout=20)
        await jobs.wait(first, timeout=20)
        await jobs.wait(second, timeout=20)
        action = (await api.get("/bulk")).json()["actions"][0]
        assert (action["name"], action["search"]) == ("cancel worker smtp", "worker:smtp")
        gate.open()


def test_minutes_are_counted_back_from_now() -> None:
    now = datetime(2031, 5, 1, 10, 30, 20, tzinfo=UTC)

    def stat(minutes_ago: int, completed: int) -> MinuteStat:
        minute = now.replace(second=0) - timedelta(minutes=minutes_ago)
        return MinuteStat(
            minute=minute, queue="q", command="c", completed=completed, failed=1, cancelled=0, retried=5, duration_ms=1
        )

    minutes = per_minute([stat(0, 1), stat(0, 2), stat(59, 7), stat(60, 9)], now)
    assert (len(minutes), minutes[-1], minutes[0], sum(minutes)) == (60, 5, 8, 13)


@pytest.mark.once
async def test_a_queue_is_limited_and_a_worker_cancelled_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    @jobs.command
    async def send(to: str) -> None:
        pass

    page = browser_page
    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await jobs.enqueue(send, "a", queue=AWKWARD, worker="lane <i>")
        await page.goto(f"{base}/jobs/queues")
        await page.get_by_label(f"Limit of {AWKWARD}", exact=True).fill("7")
        await page.get_by_role("button", name=f"Set the limit of {AWKWARD}").click()
        await expect(page.get_by_role("status").filter(has_text="7 at a time")).to_be_visible()
        assert [info.concurrency for info in await jobs.queues.list() if info.queue == AWKWARD] == [7]
        await page.goto(f"{base}/jobs/workers")
        await page.get_by_role("link", name="Cancel all jobs of lane <i>").click()
        await expect(page.get_by_role("heading", name="1 job would be cancelled")).to_be_visible()
        await expect(page.get_by_text("No living node runs bulk actions")).to_be_visible()
        await page.get_by_role("button", name="Cancel it").click()
        await expect(page.get_by_role("row", name="cancel worker lane <i>")).to_contain_text("queued")


@pytest.mark.once
async def test_pages_of_queues_and_tasks_leave_none_out_whatever_order_the_database_has(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PostgreSQL sorts in most languages: a, B, c."""
    names = ["a", "B", "c", "D", "e"]
    real_queues, real_tasks = repository.list_queues, repository.list_tasks

    async def list_queues(db: Any) -> Any:
        return sorted(await real_queues(db), key=lambda one: one.queue.lower())

    async def list_tasks(db: Any, name: str | None = None) -> Any:
        return sorted(await real_tasks(db, name), key=lambda one: one.name.lower())

    monkeypatch.setattr(repository, "list_queues", list_queues)
    monkeypatch.setattr(repository, "list_tasks", list_tasks)
    monkeypatch.setattr("dbjobs.admin.api.queues.PAGE", 2)
    monkeypatch.setattr("dbjobs.admin.api.schedules.PAGE", 2)
    jobs.declare("work")
    async with jobs, api_of(jobs) as api:
        for name in names:
            await jobs.queues.pause(name)
            await jobs.schedules.put(name, Schedule.every(3600), "work")
        for path, listed, key in (("/queues", "queues", "name"), ("/schedules", "tasks", "name")):
            found: list[str] = []
            after: str | None = ""
            while after is not None:
                page = (await api.get(path, params={"after": after})).json()
                found += [one[key] for one in page[listed]]
                after = page["after"]
            assert sorted(found) == sorted(names), path
