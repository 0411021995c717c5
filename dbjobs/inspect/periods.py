"""Periods and what happened in them, bucket by bucket: for charts. Everything comes from roll-ups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from dbjobs.commands import options
from dbjobs.engine.tally import KEEP_HOURS_SECONDS, KEEP_MINUTES_SECONDS
from dbjobs.errors import InvalidOption
from dbjobs.inspect.spreads import Spread, spread
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Family, Sums

# The beginning of the last day that a datetime can represent.
_LAST = 253_402_214_400
# A chart has no more buckets than this.
MOST_BUCKETS = 120
STEPS = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
    12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY,
)  # fmt: skip


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a series.

    Attributes:
        starts: when it begins.
        completed, failed, cancelled: jobs that ended this way in it.
        retried: attempts that failed and were retried.
        wait: from when a job was ready to its first start.
        run: how long an attempt took.
    """

    starts: datetime
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    wait: Spread = Spread()
    run: Spread = Spread()


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a period, step by step.

    Attributes:
        since, until: its bounds, end excluded, aligned to the finest step that the roll-ups still have: minutes for the
            last three hours, hours for the last 14 days, days (UTC) before.
        step_seconds: length of a bucket.
        buckets: all of them, oldest first, empty ones included.
        total: all of them together.
    """

    since: datetime
    until: datetime
    step_seconds: int
    buckets: tuple[Bucket, ...]
    total: Bucket


class Period(msgspec.Struct, frozen=True):
    """A period in seconds since 1970, end excluded, and the finest step still available."""

    since: int
    until: int
    finest: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.until - self.since

    def step(self) -> int:
        """The smallest step that does not give a chart too many buckets."""
        for step in STEPS:
            if step >= self.finest and self.seconds <= step * MOST_BUCKETS:
                return step
        return -(-self.seconds // (MOST_BUCKETS * DAY)) * DAY


def finest(now: float, since: float) -> int:
    """The finest step available for all the time since a moment: minutes, hours or days."""
    if since >= (now - KEEP_MINUTES_SECONDS) // HOUR * HOUR:
        return MINUTE
    return HOUR if since >= (now - KEEP_HOURS_SECONDS) // DAY * DAY else DAY


def period(now: float, since: float, until: float | None = None) -> Period:
    """A period, widened to the steps still available."""
    level = finest(now, since)
    start = max(int(since // level * level), 0)
    end = min(-int(-(now if until is None else until) // level * level), _LAST)
    return Period(min(start, _LAST - level), max(end, start + level), level)


async def asked(
    db: Database, since: datetime | float | timedelta, until: datetime | None, where: str
) -> tuple[float, Period]:
    """The database's clock, and the requested period.

    Raises:
        InvalidOption: a moment has no zone, or ends before it begins.
    """
    now = await repository.read_clock(db)
    first = (
        _moment(since, f"{where}: since")
        if isinstance(since, datetime)
        else now - options.duration(since, f"{where}: since")
    )
    last = None if until is None else _moment(until, f"{where}: until")
    if last is not None and last <= first:
        raise InvalidOption(f"{where}: until={until!r} must be after since={since!r}")
    return now, period(now, first, last)


def _moment(value: datetime, name: str) -> float:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidOption(f"{name}={value!r} must be a datetime with a time zone")
    return value.timestamp()


async def series(
    db: Database,
    time: Period,
    step: int | None = None,
    *,
    queue: str | None = None,
    command: str | None = None,
    worker: str | None = None,
) -> Series:
    """What happened in a period. Counts are exact (for a worker: as far as nodes wrote them), times from histograms.

    Args:
        step: length of a bucket in seconds; None: the smallest one that makes at most 120 of them.
        queue, command, worker: only of this one.
    """
    step = time.step() if step is None else step
    family: Family = "workers" if worker is not None else "total" if queue is None and command is None else "names"
    sums: dict[int, Sums] = {}
    for rollup in await repository.list_rollups(
        db, time.since, time.until, family, queue=queue, command=command, worker=worker
    ):
        sums.setdefault((rollup.starts - time.since) // step, Sums()).add(rollup.sums)
    if worker is None:
        for one in sums.values():
            one.completed = one.failed = one.cancelled = one.retried = 0
        for counted in await repository.sum_stats(db, time.since, time.until, step, queue=queue, command=command):
            one = sums.setdefault((counted.starts - time.since) // step, Sums())
            one.completed, one.failed = counted.completed, counted.failed
            one.cancelled, one.retried = counted.cancelled, counted.retried
    total = Sums()
    for one in sums.values():
        total.add(one)
    return Series(
        since=at(time.since), until=at(time.until), step_seconds=step, total=_bucket(time.since, total),
        buckets=tuple(_bucket(time.since + n * step, sums.get(n)) for n in range(-(-time.seconds // step))),
    )  # fmt: skip


def at(seconds: float) -> datetime:
    """A moment."""
    return datetime.fromtimestamp(seconds, UTC)


def _bucket(starts: int, sums: Sums | None) -> Bucket:
    if sums is None:
        return Bucket(starts=at(starts))
    return Bucket(
        starts=at(starts), completed=sums.completed, failed=sums.failed, cancelled=sums.cancelled,
        retried=sums.retried, wait=spread(sums.wait, sums.wait_ms), run=spread(sums.run, sums.run_ms),
    )  # fmt: skip
