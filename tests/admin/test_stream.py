"""The stream that tells open pages of changes: what it tells of, how often, and when it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from dbjobs import JobContext, Jobs
from dbjobs.admin import ended, live
from dbjobs.admin.application import Admin
from dbjobs.admin.rush import LOOK_SECONDS
from dbjobs.admin.settings import make_settings
from dbjobs.errors import DatabaseUnavailable
from dbjobs.store.repository import Pulse
from tests.admin.asking import ROOT_TOKEN, TOKENS, asking
from tests.admin.serving import served


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


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
async def test_a_stream_tells_of_a_line_that_a_job_has_logged(jobs: Jobs) -> None:
    said, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @jobs.command
    async def work(what: str, job: JobContext) -> None:
        said.set()
        await go.wait()
        job.log("a line")
        await done.wait()

    async with asyncio.timeout(60), jobs.start(), served(jobs.admin()) as base, httpx.AsyncClient(timeout=20) as client:
        ref = await jobs.enqueue(work, "x")
        await said.wait()
        async with client.stream("GET", f"{base}/live?job={ref.id}&job=x&job=99999999999999999999") as answer:
            told = events(answer)
            assert (await anext(told))[0] == "open"
            go.set()
            async for name, data in told:
                if name == "change" and data["jobs"] == [ref.id]:
                    break
            done.set()
            await jobs.wait(ref, timeout=20)


@pytest.mark.once
async def test_a_job_that_has_ended_changes_no_more(jobs: Jobs) -> None:
    @jobs.command
    async def work(what: str) -> None:
        pass

    admin = Admin(jobs, make_settings({}))
    async with jobs.start():
        ref = await jobs.enqueue(work, "x")
        await jobs.wait(ref, timeout=20)
        async with admin.live.listening(live.Listener(frozenset({ref.id}))) as listener, asyncio.timeout(20):
            while admin.live.looks < 4:
                await listener.begun.wait()
                await asyncio.sleep(LOOK_SECONDS)
            assert listener.changed == set()


@pytest.mark.once
async def test_a_stream_tells_of_a_database_that_does_not_answer(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise DatabaseUnavailable("gone for a while")

    async with (
        jobs,
        served(jobs.admin()) as base,
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{base}/live") as answer,
    ):
        told = events(answer)
        assert (await anext(told))[0] == "open"
        monkeypatch.setattr("dbjobs.admin.live.repository.pulse", away)
        assert "trouble" in [name async for name, _ in _until(told, "trouble")]
        monkeypatch.undo()
        await jobs.queues.pause("mail")
        assert "change" in [name async for name, _ in _until(told, "change")]


async def _until(told: AsyncIterator[tuple[str, Any]], wanted: str) -> AsyncIterator[tuple[str, Any]]:
    async for name, data in told:
        yield name, data
        if name == wanted:
            return


@pytest.mark.once
@pytest.mark.parametrize(("looks", "told_at"), [(2, {3}), (20, {6, 7})])
async def test_pages_hear_of_a_rush_when_it_is_over_or_has_gone_on_for_a_while(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, looks: int, told_at: set[int]
) -> None:
    """The look at which a listener is woken, when ``looks`` of them after the first one see many ends."""
    now, ended, seen = 1000.0, 0, 0
    told: list[int] = []
    enough = asyncio.Event()

    async def pulse(db: Any, *, after_id: int) -> Pulse:
        nonlocal ended
        ended += 1_000_000 if 1 <= seen <= looks else 0
        return Pulse(None, ended, ())

    async def sleep(seconds: float) -> None:
        nonlocal now, seen
        now += seconds
        if listener.woken.is_set():
            told.append(seen)
            assert listener.take() == live.Notice(all=True)
        seen += 1
        if seen == 8:
            enough.set()
            await asyncio.Event().wait()

    monkeypatch.setattr("dbjobs.admin.live.repository.pulse", pulse)
    monkeypatch.setattr("dbjobs.admin.live.time", SimpleNamespace(monotonic=lambda: now))
    listener = live.Listener(frozenset())
    streams = live.Live(jobs, sleep)
    async with jobs, streams.listening(listener):
        await enough.wait()
    assert told[0] in told_at


@pytest.mark.once
async def test_only_answers_that_bring_a_page_up_to_date_count_as_its_cost(jobs: Jobs) -> None:
    made = Admin(jobs, make_settings({}))
    async with jobs, asking(made.application) as client:
        await client.get("/queues")
        assert made.live.answering_seconds == 0
        await client.get("/queues", headers={"x-dbjobs-live": "1"})
        assert made.live.answering_seconds > 0


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


async def _begin(guest: httpx.AsyncClient, base: str, how: str) -> None:
    """Come in by a session, or by a link."""
    if how == "a link":
        headers = {"authorization": f"Bearer {ROOT_TOKEN}"}
        async with httpx.AsyncClient(timeout=20) as owner:
            made = await owner.post(f"{base}/api/links", json={"hours": 1}, headers=headers)
        assert (await guest.get(f"{base}/{made.json()['url']}")).status_code == 303
    else:
        assert (await guest.post(f"{base}/login", data={"given": ROOT_TOKEN})).status_code == 303


async def _log_out(guest: httpx.AsyncClient, base: str, jobs: Jobs) -> None:
    """Log the guest out in another process."""
    page = await guest.get(f"{base}/queues")
    token = page.text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
    cookies = "; ".join(f"{name}={value}" for name, value in guest.cookies.items())
    async with asking(Admin(jobs, make_settings({"tokens": TOKENS})).application) as elsewhere:
        gone = await elsewhere.post("/logout", data={"token": token}, headers={"cookie": cookies})
    assert gone.status_code == 303


@pytest.mark.once
@pytest.mark.parametrize("how", ["a link", "a session", "a token", "a log out"])
async def test_nothing_is_told_once_a_visitor_may_look_no_more(
    jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The check is made before each notice, not only now and then."""
    monkeypatch.setattr(live, "BEAT_SECONDS", 600.0)
    monkeypatch.setattr(ended, "BELIEVED_SECONDS", 0.0)
    made = Admin(jobs, make_settings({"tokens": TOKENS}))
    async with (
        jobs,
        Jobs(url) as other,
        served(made.application) as base,
        httpx.AsyncClient(timeout=20) as guest,
    ):
        await _begin(guest, base, how)
        async with guest.stream("GET", f"{base}/live") as answer:
            told = events(answer)
            assert (await anext(told))[0] == "open"
            await other.queues.pause("mail")
            assert "change" in [name async for name, _ in _until(told, "change")]
            if how in ("a link", "a session"):
                then = time.time() + 24 * 3600
                monkeypatch.setattr("dbjobs.admin.tokens.time.time", lambda: then)
            elif how == "a token":
                cast(dict[str, Any], made.settings.tokens).pop(ROOT_TOKEN)
            else:
                await _log_out(guest, base, other)
            await other.queues.resume("mail")
            assert [name async for name, _ in told] == ["closed"]


@pytest.mark.once
async def test_a_stream_goes_on_after_a_time_in_which_nobody_could_say_who_may_look(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "BELIEVED_SECONDS", 0.0)

    async def away(*_: Any, **__: Any) -> Any:
        raise DatabaseUnavailable("gone for a while")

    async with jobs, served(jobs.admin(tokens=TOKENS)) as base, httpx.AsyncClient(timeout=20) as guest:
        await _begin(guest, base, "a session")
        async with guest.stream("GET", f"{base}/live") as answer:
            told = events(answer)
            assert (await anext(told))[0] == "open"
            monkeypatch.setattr("dbjobs.admin.ended.repository.get_setting", away)
            await jobs.queues.pause("mail")
            assert [name async for name, _ in _until(told, "trouble")] == ["trouble"]
            monkeypatch.undo()
            assert "change" in [name async for name, _ in _until(told, "change")]
