"""Open pages hear of changes: by one stream for a browser, else by asking now and then."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from dbjobs import Jobs
from dbjobs.admin import live
from dbjobs.admin.application import Admin
from dbjobs.admin.settings import make_settings
from tests.admin.serving import served

HIDE = """
Object.defineProperty(document, "hidden", { get: () => window.hiddenNow === true });
window.hide = (value) => { window.hiddenNow = value; document.dispatchEvent(new Event("visibilitychange")); };
"""


class Counting:
    """Notes each request's path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.paths.append(scope["path"])
        await self._app(scope, receive, send)


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


@contextlib.asynccontextmanager
async def holding(base: str) -> AsyncIterator[str]:
    """A proxy that holds an answer back until it is whole."""
    host, port = base.removeprefix("http://").split(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream = await asyncio.open_connection(host, int(port))
            while line := await reader.readline():
                upstream.write(b"connection: close\r\n" if line.lower().startswith(b"connection:") else line)
                if line == b"\r\n":
                    break
            writer.write(await upstream_reader.read())
            upstream.close()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_stream_tells_of_what_another_process_has_done(jobs: Jobs, url: str) -> None:
    async with (
        jobs,
        Jobs(url) as other,
        served(jobs.admin()) as base,
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{base}/live") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        told = events(answer)
        assert (await anext(told))[0] == "open"
        await other.queues.pause("mail")
        async for name, data in told:
            if name == "change":
                assert data["all"]
                break


@pytest.mark.once
async def test_nobody_looks_at_the_database_while_no_page_is_open(jobs: Jobs) -> None:
    admin = Admin(jobs, make_settings({}))
    async with (
        jobs,
        admin.live.listening(live.Listener(frozenset())) as first,
        admin.live.listening(live.Listener(frozenset())) as second,
    ):
        async with asyncio.timeout(20):
            await first.begun.wait()
            await second.begun.wait()
        task = admin.live._looking
        assert task is not None
    await asyncio.wait([task])
    assert admin.live._looking is None
    assert not admin.live.listeners


@pytest.mark.once
async def test_streams_are_bounded(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    async with (
        jobs,
        served(jobs.admin()) as base,
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{base}/live") as answer,
    ):
        assert (await anext(events(answer)))[0] == "open"
        assert (await client.get(f"{base}/live")).status_code == 503


@pytest.mark.once
async def test_a_stream_ends_with_the_right_to_look(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.1)
    allowed = True
    async with (
        jobs,
        served(jobs.admin(authorize=lambda request: allowed)) as base,
        httpx.AsyncClient(timeout=20) as client,
    ):
        async with client.stream("GET", f"{base}/live") as answer:
            told = events(answer)
            assert (await anext(told))[0] == "open"
            allowed = False
            assert "closed" in [name async for name, _ in told]
        assert (await client.get(f"{base}/live")).status_code == 401


@pytest.mark.about_us
async def test_a_page_hears_of_another_nodes_change(jobs: Jobs, url: str, browser_page: Page) -> None:
    async with jobs, Jobs(url) as other, served(jobs.admin()) as base:
        await other.queues.pause("first")
        await browser_page.add_init_script("window.setInterval = () => 0;")  # the stream alone: nothing is polled
        await browser_page.goto(f"{base}/queues")
        await expect(browser_page.locator("#live")).to_have_text("live")
        await other.queues.resume("first")
        await expect(browser_page.get_by_role("row", name="first")).not_to_contain_text("paused")


@pytest.mark.once
async def test_seven_tabs_share_a_stream_and_hidden_ones_ask_nothing(jobs: Jobs, browser_page: Page) -> None:
    app = Counting(jobs.admin())
    async with jobs, served(app) as base:
        await jobs.queues.pause("mail")
        tabs = [browser_page] + [await browser_page.context.new_page() for _ in range(6)]
        for tab in tabs:
            await tab.add_init_script(HIDE)
            await tab.goto(f"{base}/queues")
        for tab in tabs:
            await expect(tab.locator("#live")).to_have_text("live")
        assert app.paths.count("/live") == 1
        await jobs.queues.resume("mail")
        for tab in tabs:
            await expect(tab.get_by_role("row", name="mail")).not_to_contain_text("paused")

        # The one that holds the stream is hidden: another one takes it over.
        await tabs[0].evaluate("hide(true)")
        await jobs.queues.pause("mail")
        for tab in tabs[1:]:
            await expect(tab.get_by_role("row", name="mail")).to_contain_text("paused")
        for tab in tabs[1:]:
            await tab.evaluate("hide(true)")
        await jobs.queues.resume("mail")
        async with asyncio.timeout(20):
            while True:  # what was under way ends; then there is silence for longer than the pause between two polls
                before = len(app.paths)
                await asyncio.sleep(live.LOOK_SECONDS + 3.5)
                if len(app.paths) == before:
                    break
        await tabs[3].evaluate("hide(false)")
        await expect(tabs[3].get_by_role("row", name="mail")).not_to_contain_text("paused")


@pytest.mark.once
async def test_behind_a_proxy_that_buffers_a_page_asks_now_and_then(jobs: Jobs, browser_page: Page) -> None:
    app = Counting(jobs.admin(allowed_hosts=["127.0.0.1"]))
    async with jobs, served(app) as base, holding(base) as proxy:
        await jobs.queues.pause("mail")
        await browser_page.goto(f"{proxy}/queues")
        await expect(browser_page.locator("#live")).to_have_text("polling")
        await expect(browser_page.get_by_role("row", name="mail")).to_contain_text("paused")
        await jobs.queues.resume("mail")
        await expect(browser_page.get_by_role("row", name="mail")).not_to_contain_text("paused")
        assert app.paths.count("/live") == 1
