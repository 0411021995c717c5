"""When schedules run next: in words, with clock changes marked, in bounded time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice

import msgspec

from dbjobs.admin import wording
from dbjobs.schedule import Schedule
from dbjobs.schedule.zones import local_of, offset_at, zone_of

MOST_TIMES = 10
# More runs than this in a day are drawn as a band.
MOST_A_DAY = 24
# Finding the times of a rare expression means trying day after day over years; no page waits longer than this.
LONGEST_SECONDS = 0.1
_DAY = timedelta(days=1)


class Time(msgspec.Struct, frozen=True, kw_only=True):
    """One of a schedule's next times.

    Attributes:
        at: in UTC.
        local: what a clock in the schedule's zone shows.
        change: what the clocks there did since the previous time: ``clocks go forward by 1 h before it``.
    """

    at: datetime
    local: str
    change: str | None


def in_words(schedule: Schedule) -> str:
    """What a schedule says, in English."""
    if schedule.interval_seconds is None:
        return schedule.in_words()
    return f"Every {wording.duration(schedule.interval_seconds * 1000)}"


def times_of(
    schedule: Schedule, first: datetime | None, end: datetime | None, now: datetime | None = None
) -> list[Time]:
    """The next ten times; fewer if the schedule ends, or if its times are so rare that finding them takes too long.

    Args:
        first: its next time; None: it has none.
        end: no time is later than this.
        now: clock changes are counted from here; defaults to the current time.
    """
    times: list[Time] = []
    deadline = time.monotonic() + LONGEST_SECONDS
    zone = zone_of(schedule.tz) if schedule.expression is not None else UTC
    before, at = now or datetime.now(UTC), first
    while at is not None and (end is None or at <= end) and len(times) < MOST_TIMES:
        times.append(Time(at=at, local=f"{local_of(at, zone):%a %Y-%m-%d %H:%M:%S}", change=_change(before, at, zone)))
        if time.monotonic() > deadline:
            break
        before, at = at, schedule.next_after(at, at)
    return times


def times_today(
    schedule: Schedule, first: datetime, start: datetime, end: datetime | None
) -> tuple[tuple[datetime, ...], bool]:
    """Its times in the 24 hours from ``start``, and whether there are too many to list one by one."""
    anchor = first if schedule.interval_seconds is not None else None
    until = start + _DAY
    if end is not None:
        until = min(until, end)
    times, often = _within(schedule, anchor, start)
    return tuple(at for at in times if at < until), often


@lru_cache(maxsize=1000)
def _within(schedule: Schedule, anchor: datetime | None, start: datetime) -> tuple[tuple[datetime, ...], bool]:
    """Cached: pages ask for the same hour again and again."""
    if anchor is not None and schedule.interval_seconds is not None:
        step = timedelta(seconds=schedule.interval_seconds)
        if _DAY / step > MOST_A_DAY:
            return (), True
        first = anchor - (anchor - start) // step * step  # the first of its times from there on
        times = [first + step * number for number in range(MOST_A_DAY + 1)]
    else:
        times = list(islice(schedule.times_after(start - timedelta(seconds=1)), MOST_A_DAY + 1))
    times = [at for at in times if start <= at < start + _DAY]
    return ((), True) if len(times) > MOST_A_DAY else (tuple(times), False)


def _change(before: datetime, at: datetime, zone: tzinfo) -> str | None:
    moved = offset_at(at, zone) - offset_at(before, zone)
    if not moved:
        return None
    way = "forward" if moved > timedelta(0) else "back"
    return f"clocks go {way} by {wording.duration(abs(moved))} before it"
