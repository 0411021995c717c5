"""The request log on every database: batches, pages, roll-ups, months, and a database that is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import InvalidOption, Jobs
from dbjobs.requestlog import RequestLog
from dbjobs.store import repository
from dbjobs.store.database import Database, make_database
from dbjobs.store.transactions import requests
from dbjobs.store.transactions.partitions import month_after
from tests.conformance.helpers import eventually
from tests.request_application import application, ask
from tests.servers import Target


async def asked(log: RequestLog) -> None:
    """Some requests of every kind, written."""
    for number in range(6):
        await ask(log, "/items/ann", x_api_key="k", user_agent="Mozilla/5.0 (X11; Linux) Firefox/133.0")
        await ask(log, "/items/bob", ip=f"10.0.0.{number}", method="POST")
    await ask(log, "/boom/ann", ip="10.0.0.1")
    await ask(log, "/nothing/x")
    await ask(log, "/nothing/y", user_agent="Googlebot/2.1")
    await log.close()
    assert (log.counts.written, log.counts.dropped, log.counts.failed, log.counts.buffered) == (15, 0, 0, 0)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    db = make_database(url)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


def row(at: datetime, tie: int, **given: Any) -> tuple[Any, ...]:
    values = {
        "method": "GET", "path": "/", "query": None, "route": "/", "status_code": 200, "status_class": 2,
        "duration_ms": 1.0, "user_id": None, "api_key": None, "session_id": None, "ip": "1.2.3.4", "trace_id": None,
        "request_bytes": 0, "response_bytes": 0, "error": None, "meta": None,
    } | given  # fmt: skip
    return (f"{at:%Y-%m-%d %H:%M:%S.%f}", tie, *values.values())


def stat(kind: str, hour: datetime, name: str, took: float, *, detail_kind: str = "", detail: str = "") -> Any:
    return (
        kind, detail_kind, f"{hour:%Y-%m-%d %H}:00:00", name, detail, 1, 0, 5, 5, 5, 10, took, took, took,
        1, 0, 0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def pairs(stats: Sequence[Any]) -> dict[str, int]:
    return {stat.name: stat.requests for stat in stats}


async def test_what_was_asked_is_listed_told_and_summed_up(jobs: Jobs) -> None:
    log = RequestLog(application, jobs=jobs, request_headers=True)
    await asked(log)
    async with jobs:
        found = jobs.requests.list
        page = await found()
        assert [request.path for request in page][:3] == ["/nothing/y", "/nothing/x", "/boom/ann"]
        assert len(page) == 15
        assert page.next is None
        assert abs(page.requests[0].at - datetime.now(UTC)) < timedelta(minutes=5)
        for filters, count in (
            ({"status": 404}, 2), ({"status": "5xx"}, 1), ({"status": "2xx"}, 12), ({"status": 503}, 0),
            ({"route": "/items/{user}"}, 12), ({"user": "ann"}, 7), ({"user": "ann", "status": 200}, 6),
            ({"ip": "10.0.0.1"}, 2), ({"ip": "10.0.0.1", "failed": True}, 1), ({"method": "post"}, 6),
            ({"path": "/nothing/x"}, 1), ({"key": "k"}, 6), ({"key": page.requests[-1].api_key or "?"}, 6),
            ({"slow": 60}, 0), ({"since": timedelta(hours=1)}, 15),
            ({"since": datetime.now(UTC) + timedelta(hours=1)}, 0), ({"user": "'; --"}, 0),
            ({"since": datetime(1, 1, 1), "until": datetime.max}, 15), ({"since": datetime(999, 1, 1)}, 15),
            ({"until": datetime(999, 1, 1)}, 0),
        ):  # fmt: skip
            assert len(await found(**filters)) == count, filters
        [boom] = await found(status="5xx")
        whole = await jobs.requests.get(boom.id)
        assert whole is not None
        assert whole.error == "RuntimeError: no: \\ ' \ufffd \U0001f600"
        assert "in application" in whole.more["traceback"]
        [bot, *_] = page
        told = await jobs.requests.get(bot.id)
        assert told is not None
        assert (told.more["bot"], told.query) == ("Googlebot", "a=1")
        assert ["user-agent", "Googlebot/2.1"] in told.more["request_headers"]
        assert await jobs.requests.get(boom.id[:-1] + ("1" if boom.id[-1] == "0" else "0")) is None

        stats = jobs.requests.stats
        assert pairs(await stats("route")) == {"/items/{user}": 12, "(not found)": 2, "/boom/{user}": 1}
        assert pairs(await stats("user")) == {"ann": 7, "bob": 6, "x": 1, "y": 1}
        assert pairs(await stats("status")) == {"200": 12, "404": 2, "500": 1}
        assert pairs(await stats("ip", limit=2)) == {"1.2.3.4": 8, "10.0.0.1": 2}
        assert pairs(await stats("browser")) == {"Firefox": 6, "unknown": 9}
        assert pairs(await stats("bot")) == {"Googlebot": 1}
        assert list(pairs(await stats("key")).values()) == [6]
        assert sum(pairs(await stats("hour")).values()) == sum(pairs(await stats("day")).values()) == 15
        assert pairs(await stats("status", user="ann")) == {"200": 6, "500": 1}
        assert pairs(await stats("user", route="/items/{user}")) == {"ann": 6, "bob": 6}
        assert pairs(await stats("route", user="ann")) == {"/items/{user}": 6, "/boom/{user}": 1}
        assert pairs(await stats("route", key="k")) == {"/items/{user}": 6}
        assert pairs(await stats("route", status=500)) == {"/boom/{user}": 1}
        assert pairs(await stats("route", since=datetime.now(UTC) + timedelta(hours=2))) == {}
        assert sum(pairs(await stats("ip", since=datetime(999, 1, 1), until=datetime.max)).values()) == 15
        assert pairs(await stats("ip", until=datetime(999, 1, 1))) == {}
        [items, *_] = await stats("route")
        assert (items.requests, items.errors, items.response_bytes, sum(items.buckets)) == (12, 0, 1200, 12)
        assert items.duration_min_ms <= items.percentile_ms(0.5) <= items.duration_max_ms


async def test_several_processes_add_up_and_wait_for_nobody(jobs: Jobs, url: str) -> None:
    now = datetime.now(UTC)
    async with jobs, opened(url) as db:
        await requests.make_ahead(db)

        async def process(counter: int) -> None:
            for number in range(5):
                await repository.insert_requests(
                    db,
                    f"{now:%Y%m}",
                    [row(now, counter * 100 + number)],
                    [stat("route", now, "/", float(counter))],
                    counter,
                )

        await asyncio.gather(*(process(counter) for counter in range(1, 5)))
        [total] = await jobs.requests.stats("route")
        assert (total.requests, total.duration_ms, total.duration_min_ms, total.duration_max_ms) == (20, 50.0, 1.0, 4.0)
        assert total.buckets[0] == 20
        # Hours become days, all counters together, and nothing is lost.
        assert await requests.fold(db, f"{now + timedelta(hours=1):%Y-%m-%d %H}:00:00", 10) == 1
        assert await requests.fold(db, f"{now + timedelta(hours=1):%Y-%m-%d %H}:00:00", 10) == 0
        await process(7)
        assert await requests.fold(db, f"{now + timedelta(hours=1):%Y-%m-%d %H}:00:00", 10) == 1
        [total] = await jobs.requests.stats("route", since=timedelta(days=4))
        assert (total.requests, total.duration_ms, total.duration_min_ms, total.duration_max_ms) == (25, 85.0, 1.0, 7.0)
        # A batch that was taken apart: rows and sums go one without the other.
        await repository.insert_requests(db, f"{now:%Y%m}", [row(now, 999)], [], 8)
        await repository.insert_requests(db, f"{now:%Y%m}", [], [stat("route", now, "/", 1.0)], 8)
        [total] = await jobs.requests.stats("route")
        assert (total.requests, len(await jobs.requests.list(limit=100))) == (26, 26)


async def test_pages_go_on_over_months_and_looks(jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbjobs.requests.admin.ROWS_PER_LOOK", 4)
    monkeypatch.setattr("dbjobs.requests.admin.ROWS_PER_CALL", 12)
    now = datetime.now(UTC)
    this = f"{now:%Y%m}"
    days = [datetime.strptime(month_after(this, -back) + "15", "%Y%m%d") for back in (2, 1, 0)]
    async with jobs, opened(url) as db:
        await requests.make_request_months(db, [f"{day:%Y%m}" for day in days])
        for day in days:
            # Twice the same moment: the tie tells them apart.
            rows = [row(day + timedelta(seconds=n // 2), n, method="PUT" if n == 3 else "GET") for n in range(10)]
            await repository.insert_requests(db, f"{day:%Y%m}", rows, [stat("route", day, "/", 1.0)], 1)
        whole = await jobs.requests.list(limit=1000)
        pages, before = [*whole], whole.next
        while before is not None:
            page = await jobs.requests.list(limit=7, before=before)
            pages, before = [*pages, *page], page.next
        ids = [request.id for request in pages]
        assert len(ids) == len(set(ids)) == 30
        assert ids == sorted(ids, reverse=True)
        # What no index finds is looked for in bounded pieces, and a page says how far it has got.
        first = await jobs.requests.list(method="PUT", limit=5)
        assert len(first) == 1 or len(first) == 2
        assert first.next is not None
        rest = await jobs.requests.list(method="PUT", limit=5, before=first.next)
        last = [] if rest.next is None else [*await jobs.requests.list(method="PUT", limit=5, before=rest.next)]
        assert len(first) + len(rest) + len(last) == 3
        [total] = await jobs.requests.stats("route")
        assert total.requests == 3
        old = days[1] + timedelta(hours=1)
        assert await jobs.requests.stats("route", until=old) == [
            one for one in await jobs.requests.stats("route", until=old) if one.requests == 2
        ]
        assert len(await jobs.requests.list(since=days[1], limit=100)) <= 20
        until = await jobs.requests.list(until=days[1], limit=100)
        assert len(until) == 10
        # One look and no more: it says how far that was.
        brief = await jobs.requests.list(method="PUT", limit=5, seconds=0)
        assert len(brief) == 0
        assert brief.next is not None
        assert brief.back_to is not None
        assert brief.back_to.replace(tzinfo=None) >= days[2]
        for wrong in ({"until": "now"}, {"seconds": -1}):
            with pytest.raises(InvalidOption):
                await jobs.requests.list(**wrong)


async def test_retention_drops_whole_months(jobs: Jobs, url: str) -> None:
    async with jobs, opened(url) as db:
        this = await repository.current_month(db)
        made = await requests.make_ahead(db)
        assert made == [month_after(this, ahead) for ahead in range(-1, 3)]
        assert await requests.make_ahead(db) == []
        await requests.make_request_months(db, [month_after(this, -back) for back in (2, 3, 4)])
        day = datetime.strptime(month_after(this, -3) + "15", "%Y%m%d")
        await repository.insert_requests(db, f"{day:%Y%m}", [row(day, 1)], [stat("route", day, "/", 1.0)], 1)
        assert len(await jobs.requests.list()) == 1
        assert await requests.drop_old(db, 2) == [month_after(this, -4), month_after(this, -3)]
        assert len(await jobs.requests.list()) == 0
        assert await jobs.requests.stats("route") == []
        assert await repository.list_request_months(db) == [month_after(this, ahead) for ahead in range(-2, 3)]


async def test_a_month_without_a_place_is_made(jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(db: Database) -> list[str]:
        return []

    monkeypatch.setattr(requests, "make_ahead", none)
    log = RequestLog(application, jobs=jobs)
    await ask(log, "/items/ann")
    await log.close()
    assert log.counts.written == 1
    async with jobs:
        # SQL Server has a place for every row; elsewhere the month was made.
        assert len(await repository.list_request_months(jobs._client.db)) in (0, 1)


async def test_a_dead_database_costs_requests_nothing(target: Target, tmp_path: Any, caplog: Any) -> None:
    if target.dialect == "sqlite":
        url = f"sqlite:///{tmp_path}/no/such/folder/jobs.db"
    else:
        scheme = {"postgres": "postgresql", "mysql": "mysql", "sqlserver": "mssql"}[target.dialect]
        url = f"{scheme}://nobody:x@127.0.0.1:1/nothing"
    log = RequestLog(application, url=url, buffer=50, close_seconds=0.05, flush_seconds=0.01)
    slowest = 0.0
    for _ in range(200):
        before = time.monotonic()
        await ask(log, "/items/ann")
        slowest = max(slowest, time.monotonic() - before)
        await asyncio.sleep(0)
    # A request that waited for the database would wait for its time limits: seconds.
    assert slowest < 1.0
    assert (log.counts.seen, log.counts.dropped, log.counts.buffered) == (200, 150, 50)
    await eventually(lambda: any("cannot be written for now" in r.message for r in caplog.records), "it is told")
    await log.close()
    assert (log.counts.written, log.counts.dropped, log.counts.buffered) == (0, 200, 0)
