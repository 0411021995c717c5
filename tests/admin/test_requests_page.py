"""The request log on the page and in the API: filters, a panel, sums, months, and nothing that was masked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from dbjobs.admin.application import Admin
from dbjobs.admin.live import Listener, Notice
from dbjobs.admin.rush import LOOK_SECONDS
from dbjobs.admin.settings import make_settings
from dbjobs.requestlog import RequestLog
from dbjobs.requestlog.agents import agent_of
from dbjobs.requestlog.rollup import RollUp, Sums, rows_of
from dbjobs.requestlog.row import row_of
from dbjobs.requestlog.seen import Seen
from dbjobs.requests import hash_of
from dbjobs.store import repository
from dbjobs.store.transactions.requests import make_request_months
from tests.admin.asking import TOKENS, VIEW
from tests.admin.serving import served

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
EVIL = "<script>alert(1)</script>"
KEY = hash_of("sk_live_1")
TRACE = "0af7651916cd43dd8448eb211c80319c"


def seen(path: str, status: int = 200, **more: Any) -> Seen:
    """A request of a route that has the path's name."""
    given: dict[str, Any] = {"method": "GET", "route": path, "duration_ms": 12.0, "user_agent": FIREFOX} | more
    return Seen(began=0.0, path=path, status=status, response_bytes=100, **given)


async def put(jobs: Jobs, *requests: tuple[datetime, Seen]) -> None:
    """Write requests and their sums, as the middleware does."""
    rollup, dice = RollUp(), random.Random(7)
    for at, one in requests:
        sums: Sums = {}
        agent = agent_of(one.user_agent or "")
        moment = at.astimezone(UTC).replace(tzinfo=None)
        rollup.add(sums, f"{moment:%Y-%m-%d %H}:00:00", one, agent)
        month = f"{moment:%Y%m}"
        await make_request_months(jobs._client.db, [month])
        row = list(row_of(moment, one, agent))
        row[1] = dice.getrandbits(40)
        await repository.insert_requests(jobs._client.db, month, [row], rows_of(sums), 1)


async def put_some(jobs: Jobs) -> datetime:
    """What most tests look at; the moment of the latest."""
    now = datetime.now(UTC)
    await put(
        jobs,
        (now - timedelta(days=40), seen("/old", user="ann")),
        (now - timedelta(seconds=50), seen("/orders", user="ann")),
        (now - timedelta(seconds=40), seen("/orders", 404, user="a/b.c?#% ü", ip="203.0.113.7")),
        (
            now - timedelta(seconds=30),
            seen(
                "/pay", 500, method="POST", user="ann", ip="203.0.113.7", api_key=KEY, session=hash_of("s"),
                trace_id=TRACE, duration_ms=2500.0, error=f"ValueError: {EVIL}", traceback="Traceback: line 7",
                request_body='{"card":"***","amount":7}', response_body=EVIL,
                request_headers=[("cookie", "***"), ("x-one", "1")], response_headers=[("x-two", "2")],
                referer="https://shop.example/", host="shop.example", meta={"tenant": 4},
            ),
        ),
        (now - timedelta(seconds=20), seen("/orders", user_agent=BOT, trace_id=TRACE)),
        (now - timedelta(seconds=10), seen(f"/{EVIL}", user=EVIL)),
    )  # fmt: skip
    return now


@asynccontextmanager
async def asking(jobs: Jobs, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the page, in this process."""
    transport = httpx.ASGITransport(jobs.admin(**options), client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_any_value_is_a_filter(jobs: Jobs) -> None:
    async with jobs, asking(jobs) as client:
        await put_some(jobs)

        async def paths(**filters: Any) -> list[str]:
            answer = await client.get("/api/requests", params=filters)
            assert answer.status_code == 200, answer.text
            return [one["path"] for one in answer.json()["requests"]]

        everything = await paths()
        assert everything == [f"/{EVIL}", "/orders", "/pay", "/orders", "/orders", "/old"]
        assert await paths(status="4xx") == ["/orders"]
        assert await paths(status="500") == ["/pay"]
        assert await paths(user="ann") == ["/pay", "/orders", "/old"]
        assert await paths(user="a/b.c?#% ü") == ["/orders"]
        assert await paths(ip="203.0.113.7", method="post") == ["/pay"]
        assert await paths(route="/orders", user="ann") == ["/orders"]
        assert await paths(key="sk_live_1") == await paths(key=KEY) == await paths(session="s") == ["/pay"]
        assert await paths(trace=TRACE) == ["/orders", "/pay"]
        assert await paths(failed="true") == await paths(slow="2s") == await paths(slow="2500ms") == ["/pay"]
        assert await paths(path="/nowhere") == []
        old = (await client.get("/api/requests", params={"path": "/old"})).json()["requests"][0]
        assert await paths(month=f"{datetime.fromisoformat(old['at']):%Y%m}", user="ann") == ["/old"]
        assert await paths(near=old["id"]) == ["/old"]
        assert await paths(before=old["id"]) == []

        far = f"00010101T000000.000000-{'f' * 30}"
        wrongs = [{name: "\x00"} for name in ("user", "path", "route", "ip", "trace", "method")]
        wrongs += [{"status": "9"}, {"month": "2026"}, {"slow": "soon"}, {"limit": "0"}, {"near": "x"}, {"near": far}]
        for wrong in [*wrongs, {"before": far}, {"before": f"20260101T000000.000000-{'f' * 30}"}]:
            answer = await client.get("/api/requests", params=wrong)
            assert answer.status_code == 422, wrong
            assert answer.json()["error"] == "invalid"
        page = await client.get("/requests", params={"status": "9"})
        assert page.status_code == 200
        assert "must be a code such as 404" in page.text


async def test_pages_go_on_where_the_last_one_ended(jobs: Jobs) -> None:
    async with jobs, asking(jobs) as client:
        now = datetime.now(UTC)
        await put(jobs, *((now - timedelta(seconds=30 - n), seen(f"/{n}")) for n in range(7)))
        found: list[str] = []
        query: dict[str, Any] = {"limit": 3}
        while True:
            listed = (await client.get("/api/requests", params=query)).json()
            found += [one["path"] for one in listed["requests"]]
            if listed["next"] is None:
                break
            query["before"] = listed["next"]
        assert found == [f"/{n}" for n in range(6, -1, -1)]


async def test_one_request_is_shown_with_all_that_was_kept(jobs: Jobs) -> None:
    def redact(name: str, value: Any) -> Any:
        return "hidden" if name == "request.amount" else value

    async with jobs, asking(jobs, redact=redact) as client:
        await put_some(jobs)
        (one,) = (await client.get("/api/requests", params={"status": "500"})).json()["requests"]
        told = (await client.get("/api/requests/one", params={"id": one["id"]})).json()
        assert told["request"] == one
        assert told["request_body"] == {
            "raw": '{"card":"***","amount":"hidden"}',
            "value": {"card": "***", "amount": "hidden"},
        }
        assert told["response_body"] == {"raw": EVIL, "value": None}
        assert told["request_headers"] == [["cookie", "***"], ["x-one", "1"]]
        assert told["cookies"] == ["***"]
        assert told["traceback"] == "Traceback: line 7"
        assert told["meta"] == {"tenant": 4}
        assert {"host", "referer", "user_agent", "browser", "device"} <= told["more"].keys()
        assert [other["path"] for other in told["trace"]] == ["/orders"]

        page = (await client.get("/requests", params={"request": one["id"]})).text
        assert EVIL not in page
        assert "Traceback: line 7" in page
        assert "hidden" in page
        assert '"amount": 7' not in page
        assert (await client.get("/api/requests/one", params={"id": "20260101T000000.000000-1"})).status_code == 404
        assert (await client.get("/api/requests/one", params={"id": "nothing"})).status_code == 422
        gone = await client.get("/requests", params={"request": "20260101T000000.000000-1"})
        assert "There is no request" in gone.text


async def test_sums_are_told_in_each_direction(jobs: Jobs) -> None:
    async with jobs, asking(jobs) as client:
        now = await put_some(jobs)
        everything = {"month": "all"}

        async def sums(**asked: Any) -> dict[str, int]:
            answer = await client.get("/api/requests/sums", params=everything | asked)
            assert answer.status_code == 200, answer.text
            return {one["name"]: one["requests"] for one in answer.json()["sums"]}

        assert await sums(by="route") == {"/orders": 3, "/pay": 1, "/old": 1, f"/{EVIL}": 1}
        assert await sums(by="user", route="/orders") == {"ann": 1, "a/b.c?#% ü": 1}
        assert await sums(by="route", user="ann") == {"/orders": 1, "/pay": 1, "/old": 1}
        assert await sums(by="ip", key=KEY) == {"203.0.113.7": 1}
        assert await sums(by="route", month=f"{now:%Y%m}") == {"/orders": 3, "/pay": 1, f"/{EVIL}": 1}

        overview = (await client.get("/api/requests/overview", params=everything)).json()
        assert overview["total"]["requests"] == 6
        assert overview["total"]["errors"] == 1
        assert [one["name"] for one in overview["bots"]] == ["Googlebot"]
        assert sum(overview["total"]["buckets"]) == 6
        kinds = (await client.get("/api/requests/kinds", params=everything)).json()["kinds"]
        assert kinds == ["route", "user", "key", "ip"]

        report = (
            await client.get("/api/requests/about", params=everything | {"by": "ip", "name": "203.0.113.7"})
        ).json()
        assert report["total"]["requests"] == 2
        assert report["total"]["longest_ms"] == 2500
        assert {one["name"]: one["requests"] for one in report["statuses"]} == {"404": 1, "500": 1}
        assert report["last"]["path"] == "/pay"
        assert {kind: len(found) for kind, found in report["top"].items()} == {"route": 2, "user": 2, "key": 1}
        refused = await client.get("/api/requests/about", params={"by": "user", "name": "\x00"})
        assert refused.status_code == 422
        gone = await client.get("/api/requests/about", params={"by": "user", "name": "nobody"})
        assert gone.status_code == 404

        for path, name in (
            ("routes", f"/{EVIL}"),
            ("users", "a/b.c?#% ü"),
            ("keys", KEY),
            ("addresses", "203.0.113.7"),
        ):
            for query in ({}, {"name": name}, {"name": "nobody"}, {"month": "all", "limit": "5"}):
                page = await client.get(f"/requests/{path}", params=query)
                assert page.status_code == 200
                assert EVIL not in page.text


async def test_an_empty_log_says_how_it_is_switched_on(jobs: Jobs) -> None:
    async with jobs, asking(jobs) as client:
        for path in ("", "/routes", "/users", "/keys", "/addresses"):
            page = await client.get(f"/requests{path}")
            assert page.status_code == 200
            assert "RequestLog" in page.text
        tabs = (await client.get("/requests")).text
        assert "API keys" not in tabs
        assert (await client.get("/api/requests/overview")).json()["total"] is None


async def test_a_stream_that_shows_the_log_hears_of_each_request(jobs: Jobs) -> None:
    """Wherever its line stands: one that took long is written behind younger ones."""
    live = Admin(jobs, make_settings({})).live
    async with (
        asyncio.timeout(60),
        jobs,
        live.listening(Listener(frozenset(), requests=True)) as mine,
        live.listening(Listener(frozenset())) as other,
    ):
        now = datetime.now(UTC)
        for seconds in (5, 65):
            looks = live.looks
            while live.looks < looks + 2 or mine.logged:  # it knows what there was before
                mine.take()
                await asyncio.sleep(LOOK_SECONDS / 5)
            await put(jobs, (now - timedelta(seconds=seconds), seen("/orders")))
            while not mine.logged:
                await mine.woken.wait()
                mine.woken.clear()
            assert mine.take() == Notice(False, (), True)
        assert not other.logged


@pytest.mark.once
async def test_what_an_open_page_asks_by_itself_is_not_logged(jobs: Jobs) -> None:
    """Else the page of the log would be told of its own question, and ask again."""
    app = RequestLog(Starlette(routes=[Mount("/jobs", jobs.admin(tokens=TOKENS))]), jobs=jobs)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with jobs, httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        refresh = {"x-dbjobs-live": "1"}
        for path, headers in (("queues", VIEW), ("requests", {**VIEW, **refresh}), ("audit", refresh)):
            await client.get(f"/jobs/{path}", headers=headers)
        await app.close()
        listed = await jobs.requests.list()
        # A stranger's question is logged, whatever it calls itself.
        assert [(one.path, one.status) for one in listed.requests] == [("/jobs/audit", 401), ("/jobs/queues", 200)]


@pytest.mark.once
async def test_a_request_is_told_of_on_its_page_at_once(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(jobs.admin()) as base:
        await put_some(jobs)
        await browser_page.add_init_script("window.setInterval = () => 0;")  # the stream alone: nothing is polled
        await browser_page.goto(f"{base}/requests")
        await expect(browser_page.locator("#live")).to_have_text("live")
        await put(jobs, (datetime.now(UTC), seen("/new")))
        await browser_page.get_by_role("button", name="1 new").click()
        await expect(browser_page.locator("table.log tbody tr").first).to_contain_text("/new")


@pytest.mark.once
async def test_a_click_on_a_value_filters_by_it(jobs: Jobs, browser_page: Page) -> None:
    async with jobs, served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await put_some(jobs)
        await browser_page.goto(f"{base}/jobs/requests")
        rows = browser_page.locator("table.log tbody tr")
        await expect(rows).to_have_count(6)
        await browser_page.get_by_role("link", name="203.0.113.7").first.click()
        await expect(rows).to_have_count(2)
        await browser_page.get_by_role("link", name="5xx").click()
        await expect(rows).to_have_count(1)
        await rows.get_by_role("link").first.click()
        panel = browser_page.get_by_role("complementary", name="Request")
        await expect(panel).to_contain_text("Traceback: line 7")
        await panel.get_by_role("link", name=TRACE).click()
        await expect(rows).to_have_count(2)
        await browser_page.get_by_role("link", name="Users").click()
        await browser_page.get_by_role("combobox", name="User").fill("ann")
        await browser_page.get_by_role("button", name="Show").click()
        await expect(browser_page.get_by_role("heading", level=1)).to_have_text("User ann")
        await browser_page.get_by_role("link", name="500: 1").click()
        await expect(rows).to_have_count(1)
