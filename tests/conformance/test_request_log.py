"""The request log on every database: batches, pages, roll-ups, months, and a database that is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.errors import DatabaseError, DatabaseUnavailable, DataRefused, InvalidOption
from dbjobs.requestlog import RequestLog, Seen, flusher
from dbjobs.store import repository
from dbjobs.store.database import Database, make_database
from dbjobs.store.transactions import requests
from dbjobs.store.transactions.partitions import month_after
from tests.conformance.helpers import eventually
from tests.servers import Target

pytestmark = pytest.mark.anyio


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers as its query says; the user is in the path."""
    _, kind, user = (scope["path"] + "//").split("/")[:3]
    scope["path_template"] = f"/{kind}/{{user}}" if kind != "nothing" else ""
    scope["user"] = user or None
    if kind == "boom":
        raise RuntimeError("no: \\ ' \x00 \U0001f600")
    await send({"type": "http.response.start", "status": 404 if kind == "nothing" else 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 100})


async def ask(log: RequestLog, path: str, *, ip: str = "1.2.3.4", method: str = "GET", **headers: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http", "path": path, "method": method, "query_string": b"a=1", "client": (ip, 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    try:
        await log(scope, receive, send)
    except RuntimeError:
        assert path.startswith("/boom")


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
        ):  # fmt: skip
            assert len(await found(**filters)) == count, filters  # type: ignore[arg-type]
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


async def test_pages_go_on_over_months_and_looks(jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbjobs.requests.ROWS_PER_LOOK", 4)
    monkeypatch.setattr("dbjobs.requests.ROWS_PER_CALL", 12)
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


@pytest.mark.about_us
async def test_a_batch_whose_answer_was_lost_is_written_once(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, lost = repository.insert_requests, 0

    async def insert_and_lose(*given: Any) -> None:
        nonlocal lost
        await insert(*given)
        if lost < 2:
            lost += 1
            raise DatabaseUnavailable("the answer was lost")

    monkeypatch.setattr(repository, "insert_requests", insert_and_lose)
    monkeypatch.setattr(flusher, "_FIRST_PAUSE_SECONDS", 0.01)
    log = RequestLog(application, jobs=jobs)
    for _ in range(5):
        await ask(log, "/items/ann")
    await log.close()
    assert (lost, log.counts.written, log.counts.buffered) == (1, 5, 0)
    async with jobs:
        assert len(await jobs.requests.list()) == 5
        assert pairs(await jobs.requests.stats("user")) == {"ann": 5}


@pytest.mark.about_us
@pytest.mark.parametrize("error", [DataRefused, DatabaseError, TypeError])
async def test_a_record_that_cannot_be_written_does_not_block_the_others(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    insert = repository.insert_requests

    async def refuse(db: Any, month: str, rows: Any, *more: Any) -> None:
        if any(row[3] == "/items/spoilt" for row in rows):
            raise error("no")
        await insert(db, month, rows, *more)

    monkeypatch.setattr(repository, "insert_requests", refuse)
    monkeypatch.setattr(flusher, "_FIRST_PAUSE_SECONDS", 0.01)
    log = RequestLog(application, jobs=jobs, flush_seconds=0.01, close_seconds=20)
    if error is DataRefused:  # which says that it is about data: the others of its batch are written
        await ask(log, "/items/ann")
    await ask(log, "/items/spoilt")
    await eventually(lambda: log.counts.failed == 1, "the record is given up")
    await ask(log, "/items/bob")
    await log.close()
    assert (log.counts.written, log.counts.failed, log.counts.buffered) == (1 + (error is DataRefused), 1, 0)


@pytest.mark.about_us
async def test_what_the_application_has_made_of_a_record_costs_that_record_at_most(jobs: Jobs) -> None:
    def spoil(seen: Seen) -> None:
        seen.meta = {"what": object()} if seen.user == "ann" else {"tenant": 7}
        if seen.user == "spoilt":
            seen.status = "none"  # type: ignore[assignment]

    log = RequestLog(application, jobs=jobs, on_request=spoil, user_agent=lambda text: 1 / 0)  # type: ignore[arg-type, return-value]
    for user in ("ann", "spoilt", "bob"):
        await ask(log, f"/items/{user}", user_agent="x")
    await log.close()
    assert (log.counts.written, log.counts.buffered) == (2, 0)
    async with jobs:
        [bob, ann] = await jobs.requests.list()
        for request, meta in ((bob, {"tenant": 7}), (ann, None)):
            whole = await jobs.requests.get(request.id)
            assert whole is not None
            assert whole.more.get("meta") == meta


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


@pytest.mark.about_us
async def test_what_was_seen_during_an_outage_is_written_after_it(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    away = True
    insert = repository.insert_requests

    async def insert_later(*given: Any) -> None:
        if away:
            raise DatabaseUnavailable("away")
        await insert(*given)

    monkeypatch.setattr(repository, "insert_requests", insert_later)
    monkeypatch.setattr(flusher, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(flusher, "_LONGEST_PAUSE_SECONDS", 0.05)
    log = RequestLog(application, jobs=jobs, buffer=20, flush_seconds=0.01)
    await ask(log, "/items/first")
    await eventually(lambda: any("for now" in record.message for record in caplog.records), "the outage is told")
    for _ in range(30):
        await ask(log, "/items/ann")
    away = False
    await eventually(lambda: log.counts.buffered == 0, "all is written")
    assert log.counts.written + log.counts.dropped == 31
    assert log.counts.dropped >= 10
    await log.close()
    assert len([record for record in caplog.records if record.name == "dbjobs.requests"]) == 2


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda jobs: jobs.requests.list(status="5x"), "status='5x' must be a code such as 404, or a class"),
        (lambda jobs: jobs.requests.list(nothing=1), "there is no filter 'nothing'; known are status"),
        (lambda jobs: jobs.requests.list(limit=0), "limit=0 must be a whole number from 1 to 1000"),
        (lambda jobs: jobs.requests.list(before="12"), "'12' is not the id of a request, such as"),
        (lambda jobs: jobs.requests.list(since="yesterday"), "since='yesterday' must be a datetime"),
        (lambda jobs: jobs.requests.list(slow=-1), "slow=-1 must be a number of seconds"),
        (lambda jobs: jobs.requests.list(user=7), "user=7 is no text"),
        (lambda jobs: jobs.requests.get("x"), "'x' is not the id of a request"),
        (lambda jobs: jobs.requests.stats("colour"), "by='colour' must be one of route, user"),
        (lambda jobs: jobs.requests.stats("bot", route="/"), "of one route there are sums by user, key, ip, status"),
        (lambda jobs: jobs.requests.stats("ip", route="/", user="a"), "give one of route, user, key, ip, status"),
    ],
)
@pytest.mark.about_us
async def test_a_wrong_use_is_named(jobs: Jobs, call: Any, match: str) -> None:
    async with jobs:
        with pytest.raises(InvalidOption, match=match):
            await call(jobs)
