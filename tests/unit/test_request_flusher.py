"""The task that writes the request log: what the database does to it costs no record twice, and no request anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import nan
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.errors import DatabaseError, DatabaseUnavailable, DataRefused, InvalidOption
from dbjobs.requestlog import RequestLog, Seen, flusher
from dbjobs.store import repository
from tests.conformance.helpers import eventually
from tests.request_application import application, ask


@pytest.fixture
def jobs(tmp_path: Any) -> Jobs:
    return Jobs(f"sqlite:///{tmp_path}/jobs.db")


def pairs(stats: Sequence[Any]) -> dict[str, int]:
    return {stat.name: stat.requests for stat in stats}


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
    if error is not DataRefused:
        await ask(log, "/items/spoilt")
    else:  # it says that it is about data: the others of its batch are written
        for user in ("ann", "spoilt", "ann", "ann"):
            await ask(log, f"/items/{user}")
    await eventually(lambda: log.counts.failed == 1, "the record is given up")
    await ask(log, "/items/bob")
    await log.close()
    others = 3 if error is DataRefused else 0
    assert (log.counts.written, log.counts.failed, log.counts.buffered) == (1 + others, 1, 0)
    async with jobs:
        assert len(await jobs.requests.list()) == 1 + others
        sums = pairs(await jobs.requests.stats("user"))
    assert sums == ({"ann": 3, "spoilt": 1, "bob": 1} if others else {"bob": 1})


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
        (lambda jobs: jobs.requests.list(nothing=1), "there is no filter 'nothing'; known filters are status"),
        (lambda jobs: jobs.requests.list(limit=0), "limit=0 must be a whole number from 1 to 1000"),
        (lambda jobs: jobs.requests.list(before="12"), "'12' is not the id of a request, such as"),
        (lambda jobs: jobs.requests.list(since="yesterday"), "since='yesterday' must be a datetime"),
        (lambda jobs: jobs.requests.list(slow=-1), "slow=-1 must be a number of seconds"),
        (lambda jobs: jobs.requests.list(since=timedelta.max), "since=.* is outside the calendar"),
        (lambda jobs: jobs.requests.list(until="now"), "until='now' must be a datetime"),
        (lambda jobs: jobs.requests.list(slow=nan), "slow=nan must be a number of seconds"),
        (lambda jobs: jobs.requests.list(user=7), "user=7 is not text"),
        (lambda jobs: jobs.requests.list(user="\ud800"), "user='.*' is not text that a database can hold"),
        (lambda jobs: jobs.requests.stats("route", until="now"), "until='now' must be a datetime"),
        (lambda jobs: jobs.requests.get("x"), "'x' is not the id of a request"),
        (lambda jobs: jobs.requests.stats("colour"), "by='colour' must be one of route, user"),
        (lambda jobs: jobs.requests.stats("bot", route="/"), "of one route there are sums by user, key, ip, status"),
        (lambda jobs: jobs.requests.stats("ip", route="/", user="a"), "give one of route, user, key, ip, status"),
    ],
)
async def test_a_wrong_use_is_named(jobs: Jobs, call: Any, match: str) -> None:
    async with jobs:
        with pytest.raises(InvalidOption, match=match):
            await call(jobs)
