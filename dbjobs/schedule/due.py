"""Which runs of a task are due: late ones, missed ones, and when it runs next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

from dbjobs.schedule.schedule import Schedule

Misfire = Literal["one", "all", "none"]
Overlap = Literal["allow", "skip"]

# A run that is later than this was missed; one that is less late is merely late, and always takes place.
GRACE_SECONDS = 10.0
# Missed runs that ``misfire="all"`` makes up for: the latest ones.
MOST_CAUGHT_UP = 100
# Missed runs are counted one by one up to this number, at most that many in one look.
MOST_COUNTED = 1000
_DAY = 86400
# From where to look for the latest times before now, nearest first: a year's worth of seconds is never walked through.
_BACK_SECONDS = (120, 600, 3600, 6 * 3600, 2 * _DAY, 10 * _DAY, 60 * _DAY, 370 * _DAY, 3000 * _DAY)
_LOOK_BACK = [timedelta(seconds=s) for s in _BACK_SECONDS]


@dataclass(frozen=True)
class Due:
    """What a task that is due does now.

    Attributes:
        runs: the times to run it for, oldest first.
        missed: how many times have passed without a run.
        following: when it runs next; None if it never does.
    """

    runs: tuple[datetime, ...]
    missed: int
    following: datetime | None


def due_runs(
    schedule: Schedule, nominal: datetime, now: datetime, *, misfire: Misfire = "one", end: datetime | None = None
) -> Due:
    """What to do about a task whose next time has come.

    Args:
        nominal: that time; it is not later than ``now``.
        now: by the database's clock.
        misfire: what to do about runs that were missed: make up for them by one, by ``all`` (the latest 100), or not.
        end: no run is later than this.
    """
    grace = timedelta(seconds=GRACE_SECONDS)
    until = now if end is None else min(now, end)
    following = schedule.next_after(now, nominal)
    if following is not None and end is not None and following > end:
        following = None
    if nominal > until:  # its end lies before its first time
        return Due((), 0, None)
    if now - nominal <= grace:
        return Due(tuple(_times(schedule, nominal, until)), 0, following)
    count = _count(schedule, nominal, until)
    if misfire == "one":
        latest = _latest(schedule, nominal, until, 1)
        return Due(latest, count - 1, following)
    if misfire == "all":
        runs = _latest(schedule, nominal, until, MOST_CAUGHT_UP)
    else:
        runs = tuple(time for time in _latest(schedule, nominal, until, MOST_CAUGHT_UP) if now - time <= grace)
    return Due(runs, max(count - len(runs), 0), following)


def _times(schedule: Schedule, nominal: datetime, until: datetime) -> list[datetime]:
    later = takewhile(lambda time: time <= until, schedule.times_after(nominal, nominal))
    return [nominal, *later]


def _count(schedule: Schedule, nominal: datetime, until: datetime) -> int:
    """How many times there are from one to another; no more than MOST_COUNTED are counted one by one."""
    if schedule.interval_seconds is not None:
        return (until - nominal) // timedelta(seconds=schedule.interval_seconds) + 1
    later = takewhile(lambda time: time <= until, schedule.times_after(nominal, nominal))
    return 1 + sum(1 for _ in islice(later, MOST_COUNTED - 1))


def _latest(schedule: Schedule, nominal: datetime, until: datetime, most: int) -> tuple[datetime, ...]:
    """The latest times up to ``until``, at most this many, oldest first; at least one."""
    if schedule.interval_seconds is not None:
        step = timedelta(seconds=schedule.interval_seconds)
        last = (until - nominal) // step
        return tuple(nominal + step * number for number in range(max(last - most + 1, 0), last + 1))
    found: list[datetime] = []
    for back in _LOOK_BACK:
        start = max(until - back, nominal)
        found = _times(schedule, nominal, until) if start == nominal else _within(schedule, start, until)
        if len(found) >= most or start == nominal:
            return tuple(found[-most:])
    return tuple(found[-most:]) or (nominal,)


def _within(schedule: Schedule, start: datetime, until: datetime) -> list[datetime]:
    return list(takewhile(lambda time: time <= until, schedule.times_after(start)))
