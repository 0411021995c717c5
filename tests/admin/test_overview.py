"""The overview: health with its remedies, and a period in numbers, charts and tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from dbjobs.admin import periods
from dbjobs.admin.api import overview as api
from dbjobs.admin.kept import Kept
from dbjobs.inspect.periods import period
from tests.admin.rollups import put
from tests.admin.serving import served

DAY = 86_400


@asynccontextmanager
async def asking(jobs: Jobs) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this machine."""
    transport = httpx.ASGITransport(app=Starlette(routes=[Mount("/jobs", jobs.admin())]))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/jobs") as client:
        yield client


async def test_a_period_in_numbers_charts_and_tables(jobs: Jobs) -> None:
    async with jobs, asking(jobs) as client:
        for age in (60, 2 * DAY, 9 * DAY):
            await put(jobs, age, command="send", queue="mail", completed=90, failed=10)
            await put(jobs, age, command="POST /orders/{id}", queue="api", worker="lane", completed=5)
        found = (await client.get("api/overview", params={"period": "7d"})).json()
        assert (found["totals"]["total"], found["totals"]["failed"]) == (210, 20)
        assert (found["totals_before"]["total"], found["step_seconds"]) == (105, 7200)
        assert sum(bucket["completed"] for bucket in found["buckets"]) == 190
        assert sum(bucket["completed"] for bucket in found["before"]) == 95
        assert [(row["name"], row["total"], row["failed"]) for row in found["commands"]] == [("send", 200, 20)]
        assert [(row["name"], row["total"]) for row in found["apis"]] == [("POST /orders/{id}", 10)]
        assert [(row["name"], row["total"]) for row in found["workers"]] == [("lane", 10)]
        assert [row["name"] for row in found["queues"]] == ["mail", "api"]
        assert found["commands"][0]["p95_ms"] == pytest.approx(70, rel=0.1)
        page = (await client.get("", params={"period": "7d", "sort": "name"}, follow_redirects=True)).text
        assert 'id="outcomes"' in page
        assert "the period before" in page
        assert "q=state%3Afailed+command%3A%22send%22" in page
        assert page.index('title="api"') < page.index('title="mail"')
        for name, *_ in periods.PERIODS:
            answer = await client.get("api/overview", params={"period": name})
            assert answer.status_code == 200, name
        ranged = {"period": "range", "since": "2020-02-01", "until": "2020-02-29"}
        found = (await client.get("api/overview", params=ranged)).json()
        assert (found["since"], found["until"]) == ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z")
        assert (found["totals"]["total"], len(found["buckets"])) == (0, 29)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"period": "tomorrow"}, "period='tomorrow' must be one of 1h, today"),
        ({"period": "range", "since": "x"}, "since='x' must be a date"),
        ({"period": "range", "since": "2026-01-02", "until": "2026-01-01"}, "must be after since"),
        ({"period": "range", "since": "0001-01-01"}, "must be after 1970"),
    ],
)
@pytest.mark.once
async def test_a_wrong_period_is_refused(jobs: Jobs, asked: dict[str, str], message: str) -> None:
    async with jobs, asking(jobs) as client:
        answer = await client.get("api/overview", params=asked)
        assert answer.status_code == 422
        assert message in answer.json()["message"]
        assert (await client.get("", params=asked, follow_redirects=True)).status_code == 422
        assert (await client.get("", params={"sort": "__class__"}, follow_redirects=True)).status_code == 422


async def test_health_says_what_to_do(jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "HEALTH_SECONDS", 0.0)

    @jobs.command
    async def work() -> None: ...

    @jobs.command
    async def other() -> None: ...

    page_of = Jobs(url)

    @page_of.command(name="work")
    async def known_to_the_page() -> None: ...

    async with jobs, page_of, asking(page_of) as client:
        await jobs.enqueue(work, queue="mail")
        await jobs.enqueue(other, queue="mail", worker="lane ü")
        await page_of.queues.pause("mail")
        told = (await client.get("api/health")).json()
        wrong = {finding["check"]: finding for finding in told["findings"] if not finding["ok"]}
        assert not told["ok"]
        assert wrong["nodes"]["message"] == "no node is alive, so no job is run"
        assert wrong["queues"]["search"] == 'state:queued queue:"mail"'
        assert "'other'" in wrong["commands"]["message"]
        assert {finding["check"] for finding in told["findings"]} >= {"lanes", "clock", "history", "oldest", "holders"}
        page = (await client.get("", follow_redirects=True)).text
        assert "resume it when you are done: dbjobs resume mail" in page
        assert "jobs?q=state%3Aqueued+queue%3A%22mail%22" in page
        monkeypatch.setattr(api, "LONGEST_WAIT_SECONDS", -1.0)
        await page_of.queues.resume("mail")
        told = (await client.get("api/health")).json()
        (oldest,) = [finding for finding in told["findings"] if finding["check"] == "oldest"]
        assert not oldest["ok"]
        assert oldest["search"].startswith("id:")
        assert told["findings"][0]["ok"] is False


@pytest.mark.once
async def test_many_visitors_share_one_look() -> None:
    kept: Kept[int] = Kept()
    made: list[int] = []

    class Owner: ...

    owner = Owner()

    async def make() -> int:
        made.append(1)
        return len(made)

    assert [await kept.get(owner, "a", 60, make) for _ in range(3)] == [1, 1, 1]
    assert await kept.get(owner, "b", 60, make) == 2
    assert await kept.get(owner, "a", 0, make) == 1  # still the one that is to be kept for a minute
    assert await kept.get(Owner(), "a", 60, make) == 3

    async def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await kept.get(owner, "c", 60, fail)
    assert await kept.get(owner, "c", 60, make) == 4


@pytest.mark.once
def test_the_period_before_lies_where_people_look_for_it() -> None:
    now = datetime(2026, 3, 15, 13, 30, tzinfo=UTC).timestamp()

    def before(name: str) -> tuple[str, ...]:
        at = datetime.fromtimestamp(now, UTC)
        first, end = periods._bounds(name, at, at.replace(hour=0, minute=0))
        time = period(now, first.timestamp(), end.timestamp())
        found = periods._before(now, time, periods._distance(name, first))
        assert found is not None
        return tuple(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (found.since, found.until))

    assert before("today") == ("2026-03-14", "2026-03-15")
    assert before("yesterday") == ("2026-03-13", "2026-03-14")
    assert before("4w") == ("2026-01-19", "2026-02-16")
    assert before("mtd") == ("2026-02-01", "2026-02-16")
    assert before("qtd") == ("2025-10-01", "2025-12-14")
    assert before("ytd") == ("2025-01-01", "2025-03-16")
    assert before("last_year") == ("2024-01-01", "2024-12-31")


@pytest.mark.once
def test_seven_days_have_seven_before_them_at_any_time_of_the_day() -> None:
    for hour in range(24):
        at = datetime(2026, 3, 15, hour, 30, tzinfo=UTC)
        first, end = periods._bounds("7d", at, at.replace(hour=0, minute=0))
        time = period(at.timestamp(), first.timestamp(), end.timestamp())
        before = periods._before(at.timestamp(), time, None)
        assert before is not None, hour
        assert (before.until, before.seconds) == (time.since, 7 * DAY)


@pytest.mark.once
async def test_a_click_on_a_bucket_narrows_the_period(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await put(jobs, 2 * DAY, command="<script>send", queue="mail", completed=7)
        await browser_page.goto(f"{base}/jobs/?period=7d")
        await expect(browser_page.get_by_role("img", name="Outcomes")).to_be_visible()
        boxes = browser_page.locator("#outcomes .over a")
        told = await boxes.all_text_contents()
        box = boxes.nth(next(n for n, text in enumerate(told) if "completed 7" in text))
        await box.hover()  # the values stay while the page is kept up to date
        await expect(browser_page.locator("#outcomes .readout")).to_contain_text("completed 7")
        await box.click()
        await expect(browser_page.get_by_role("link", name="Range")).to_have_attribute("aria-current", "true")
        await expect(browser_page.locator(".tile").first).to_contain_text("7")
        await expect(browser_page.get_by_role("row", name="<script>send")).to_be_visible()
        await browser_page.locator("thead").get_by_role("link", name="Failed").first.click()
        await expect(browser_page.locator('th[aria-sort="descending"]').first).to_have_text("Failed ▾")
        await browser_page.set_viewport_size({"width": 390, "height": 800})
        await browser_page.get_by_role("combobox", name="Period").select_option("4w")
        await browser_page.get_by_role("button", name="Show").first.click()
        await expect(browser_page.locator(".tile").first).to_contain_text("7")
        assert await browser_page.evaluate("document.documentElement.scrollWidth") <= 390
