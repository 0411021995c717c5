"""Statistics of a period: its bounds, its buckets, what was folded into hours and days, and the rows that it reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import InvalidOption, Jobs, Series
from dbjobs.engine import tally
from dbjobs.inspect import periods
from dbjobs.store import repository
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Rollup, Sums
from tests.conformance.helpers import wait_all
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us


def total(series: Series) -> tuple[int, int, int, int]:
    buckets = series.buckets
    return (
        sum(one.completed for one in buckets), sum(one.failed for one in buckets),
        sum(one.cancelled for one in buckets), sum(one.retried for one in buckets),
    )  # fmt: skip


async def count(raw: Raw, now: int, age: int, queue: str, command: str, **counts: int) -> None:
    """Write what a node would have counted this long ago."""
    minute = datetime.fromtimestamp((now - age) // MINUTE * MINUTE, UTC)
    text = f"{minute:%Y-%m-%d %H:%M:%S}" + (
        ".000" if raw.dialect == "sqlite" else "+00" if raw.dialect == "postgres" else ""
    )
    names = ", ".join(counts)
    await raw.rows(
        f"INSERT INTO dbjobs.job_stat (minute, queue, command, counter, {names}) "
        f"VALUES ('{text}', '{queue}', '{command}', 7, {', '.join(map(str, counts.values()))})"
    )


def rollup(now: int, age: int, worker: str = "", bucket: int = 24) -> Rollup:
    starts = (now - age) // MINUTE * MINUTE
    sums = Sums(completed=1, run_ms=2.0 ** (bucket / 4), run={bucket: 1}, waits=1, wait_ms=8.0, wait={12: 1})
    return Rollup(MINUTE, starts, 7, ("q", "c", worker), sums)


async def test_what_ran_is_in_the_bucket_of_now(jobs: Jobs) -> None:
    @jobs.command
    async def quick() -> None: ...

    @jobs.command(retry_limit=0)
    async def broken() -> None:
        raise ValueError("no")

    async with jobs:
        refs = [await jobs.enqueue(quick, queue="a") for _ in range(5)]
        refs += [await jobs.enqueue(quick, queue="b", worker="lane"), await jobs.enqueue(broken)]
        async with jobs.start():
            await wait_all(jobs, refs)
        whole = await jobs.series(600)
        assert whole.step_seconds == 60
        assert 11 <= len(whole.buckets) <= 12
        assert total(whole) == (6, 1, 0, 0)
        assert sum(one.run.count for one in whole.buckets) == 7
        assert all((one.run.p50 is None) == (one.run.count == 0) for one in whole.buckets)
        assert total(await jobs.series(600, command="broken")) == (0, 1, 0, 0)
        assert total(await jobs.series(600, queue="a")) == (5, 0, 0, 0)
        assert total(await jobs.series(600, worker="lane")) == (1, 0, 0, 0)
        assert total(await jobs.series(600, worker="none")) == (0, 0, 0, 0)
        now = whole.until
        (one,) = await jobs.stats(by=None, since=now - timedelta(minutes=30), until=now)
        assert (one.completed, one.failed, one.run.count) == (6, 1, 7)
        assert await jobs.stats(by="command", since=now - timedelta(hours=2), until=now - timedelta(hours=1)) == []
        ahead = await jobs.series(whole.since, now + timedelta(hours=1))
        assert total(ahead) == (6, 1, 0, 0)
        assert ahead.buckets[-1].starts > now
        first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        ever = await jobs.series(first, last)
        assert total(ever) == (6, 1, 0, 0)
        assert len(ever.buckets) <= 121
        assert [stat.completed for stat in await jobs.stats(by=None, since=first, until=last)] == [6]


async def test_a_period_ends_before_its_end(jobs: Jobs, raw: Raw) -> None:
    async with jobs:
        now = int(await repository.read_clock(jobs._client.db))
        midnight = now // DAY * DAY
        for age in (now - midnight, now - midnight + MINUTE, now - midnight + DAY, now - midnight + DAY + MINUTE):
            await count(raw, now, age, "q", f"c{age % 7}", completed=1, retried=2)
        yesterday = await jobs.series(periods.at(midnight - DAY), periods.at(midnight))
        assert (yesterday.since, yesterday.until) == (periods.at(midnight - DAY), periods.at(midnight))
        assert (yesterday.step_seconds, len(yesterday.buckets)) == (HOUR, 24)
        assert [n for n, one in enumerate(yesterday.buckets) if one.completed] == [0, 23]
        assert total(yesterday) == (2, 0, 0, 4)
        stats = await jobs.stats(by="queue", since=periods.at(midnight - DAY), until=periods.at(midnight))
        assert [(one.name, one.completed, one.retried) for one in stats] == [("q", 2, 4)]


async def test_folded_hours_and_days_are_found_again(jobs: Jobs, raw: Raw) -> None:
    async with jobs:
        db = jobs._client.db
        now = int(await repository.read_clock(db))
        ages = [MINUTE, 5 * HOUR, 5 * HOUR + MINUTE, 3 * DAY, 20 * DAY, 20 * DAY + HOUR, 200 * DAY, 360 * DAY]
        for age in ages:
            await count(raw, now, age, "q", "c", completed=1)
            await count(raw, now, age, "r", "d", failed=1)
        rows = [rollup(now, age, worker, bucket) for age in ages for worker, bucket in (("", 24), ("lane", 40))]
        await repository.write_rollups(db, rows)
        before = total(await jobs.series(timedelta(days=365)))
        for _ in range(2):
            await repository.fold_stats(db)
            await tally.fold(db)
        year = await jobs.series(timedelta(days=365))
        assert total(year) == before == (8, 8, 0, 0)
        assert 24 <= len(year.buckets) <= periods.MOST_BUCKETS
        assert sum(one.run.count for one in year.buckets) == 16
        assert sum(one.wait.count for one in (await jobs.series(timedelta(days=365), command="c")).buckets) == 16
        assert total(await jobs.series(timedelta(days=365), command="d")) == (0, 8, 0, 0)
        assert total(await jobs.series(timedelta(days=365), worker="lane")) == (8, 0, 0, 0)
        since = periods.at(now - 365 * DAY)
        assert [(one.name, one.completed) for one in await jobs.stats(by="queue", since=since)] == [("q", 8), ("r", 0)]
        (lane,) = await jobs.stats(by="worker", since=since)
        assert (lane.name, lane.completed, lane.run.count) == ("lane", 8, 8)
        assert (lane.run.p50 or 0) == pytest.approx(2 ** (40.5 / 4))
        (together,) = await jobs.stats(by=None, since=since)
        assert (together.completed, together.failed, together.run.count, together.wait.count) == (8, 8, 16, 16)
        recent = await jobs.series(timedelta(days=10))
        assert recent.step_seconds == 3 * HOUR
        assert total(recent) == (4, 4, 0, 0)


async def test_a_year_reads_few_rows_whatever_the_lanes_are(jobs: Jobs) -> None:
    async with jobs:
        db = jobs._client.db
        now = int(await repository.read_clock(db))
        ages = [day * DAY + hour * HOUR for day in range(15, 45) for hour in (3, 9)]
        await repository.write_rollups(db, [rollup(now, age, f"customer {n}") for age in ages for n in range(20)])
        await tally.fold(db)
        since = now - 365 * DAY
        assert sum(one.run.count for one in (await jobs.series(timedelta(days=365))).buckets) == 20 * len(ages)
        rows = await repository.list_rollups(db, since)
        assert len(rows) <= 2 * 32
        assert len(await repository.list_rollups(db, since, family="names")) <= 2 * 32


@pytest.fixture
async def opened(jobs: Jobs) -> AsyncIterator[Jobs]:
    async with jobs:
        yield jobs


WRONG: list[tuple[Any, str]] = [
    (lambda jobs: jobs.series(datetime(2026, 1, 1)), "series: since=.* must be a datetime with a time zone"),
    (lambda jobs: jobs.series(60, datetime(2026, 1, 1)), "series: until=.* must be a datetime with a time zone"),
    (lambda jobs: jobs.series(60, datetime(2020, 1, 1, tzinfo=UTC)), "series: until=.* must be after since=60"),
    (lambda jobs: jobs.series("soon"), "series: since='soon'"),
    (lambda jobs: jobs.series(1e12), r"series: since=1e\+12|series: since=1000000000000"),
    (lambda jobs: jobs.stats(until=datetime(2026, 1, 1, tzinfo=UTC)), "stats: since and until need by="),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
@pytest.mark.once
async def test_a_wrong_period_is_refused(opened: Jobs, call: Any, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        await call(opened)


STEPS = [
    (0.03, 60), (0.1, 120), (1, HOUR), (4, HOUR), (5, 2 * HOUR), (7, 2 * HOUR), (13.5, 3 * HOUR), (28, DAY), (90, DAY),
    (365, 7 * DAY), (3_000, 28 * DAY), (36_000, 173 * DAY),
]  # fmt: skip


@pytest.mark.parametrize(("days", "step"), STEPS)
@pytest.mark.once
def test_a_chart_has_few_buckets(days: float, step: int) -> None:
    now = 1_790_000_000
    found = periods.period(now, now - days * DAY)
    assert found.step() == step
    assert found.seconds / step <= periods.MOST_BUCKETS + 1
