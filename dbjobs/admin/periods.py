"""The periods that pages offer: by a short name in the URL, or as a range. All in UTC, like the roll-ups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from dbjobs.admin.call import Call
from dbjobs.errors import InvalidOption
from dbjobs.inspect import periods
from dbjobs.inspect.periods import Period
from dbjobs.store import repository

RANGE = "range"
# Name in the URL, label, short label.
PERIODS: tuple[tuple[str, str, str], ...] = (
    ("1h", "Last hour", "1 h"),
    ("today", "Today", "Today"),
    ("yesterday", "Yesterday", "Yesterday"),
    ("7d", "Last 7 days", "7 d"),
    ("4w", "Last 4 weeks", "4 w"),
    ("3m", "Last 3 months", "3 m"),
    ("12m", "Last 12 months", "12 m"),
    ("mtd", "Month to date", "MTD"),
    ("qtd", "Quarter to date", "QTD"),
    ("ytd", "Year to date", "YTD"),
    ("last_year", "Last year", "Last year"),
    ("all", "All time", "All"),
)
_DAYS = {"7d": 7, "4w": 28, "3m": 91, "12m": 365}


class Chosen(msgspec.Struct, frozen=True):
    """A period, and the earlier one we compare it with (None: there is none).

    Attributes:
        name: of ``PERIODS``, or ``range``.
    """

    name: str
    label: str
    time: Period
    before: Period | None
    now: float


async def chosen(call: Call, name: str, since: str, until: str) -> Chosen:
    """The period that was asked for.

    Args:
        name: of ``PERIODS``, or ``range``.
        since, until: of a range: dates, or moments; UTC unless they say otherwise. The end is excluded, but an end date
            is included.

    Raises:
        InvalidOption: there is no such period; a moment cannot be read; it ends before it begins.
    """
    now = await repository.read_clock(call.db)
    if name == RANGE:
        first = moment(since, "since")
        last = moment(until, "until", end=True) if until else periods.at(now)
        if last <= first:
            raise InvalidOption(f"until={until!r} must be after since={since!r}")
        time = periods.period(now, first.timestamp(), last.timestamp())
        return Chosen(name, "Range", time, _before(now, time, time.seconds), now)
    labels = {known: label for known, label, _ in PERIODS}
    if name not in labels:
        raise InvalidOption(f"period={name!r} must be one of {', '.join(labels)}, {RANGE}")
    at = periods.at(now)
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "all":
        oldest = await repository.oldest_stat(call.db)
        first = today if oldest is None else min(periods.at(oldest), today)
        return Chosen(name, labels[name], periods.period(now, first.timestamp()), None, now)
    first, end = _bounds(name, at, today)
    time = periods.period(now, first.timestamp(), end.timestamp())
    return Chosen(name, labels[name], time, _before(now, time, _distance(name, first)), now)


def _bounds(name: str, at: datetime, today: datetime) -> tuple[datetime, datetime]:
    tomorrow = today + timedelta(days=1)
    match name:
        case "1h":
            return at - timedelta(hours=1), at
        case "today":
            return today, tomorrow
        case "yesterday":
            return today - timedelta(days=1), today
        case "mtd":
            return today.replace(day=1), tomorrow
        case "qtd":
            return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1), tomorrow
        case "ytd":
            return today.replace(month=1, day=1), tomorrow
        case "last_year":
            return today.replace(year=today.year - 1, month=1, day=1), today.replace(month=1, day=1)
    # Seven days end with this hour, so they begin with the same hour: whatever the time of day, the roll-ups still have
    # the seven days before them by hour.
    end = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1) if name == "7d" else tomorrow
    return end - timedelta(days=_DAYS[name]), end


def _distance(name: str, first: datetime) -> int | None:
    """How far back the period lies that we compare this one with; None: its own length."""
    if name == "mtd":
        return int((first - (first - timedelta(days=1)).replace(day=1)).total_seconds())
    if name == "qtd":
        month = first.month - 3
        earlier = first.replace(month=month) if month > 0 else first.replace(year=first.year - 1, month=month + 12)
        return int((first - earlier).total_seconds())
    if name in ("ytd", "last_year"):
        return int((first - first.replace(year=first.year - 1)).total_seconds())
    return None


def _before(now: float, time: Period, distance: int | None) -> Period | None:
    """The earlier period, just as long, so their charts overlay; None if its bounds cut a day in two."""
    since = time.since - (time.seconds if distance is None else distance)
    finest = periods.finest(now, since)
    if since < 0 or since % finest:
        return None
    return Period(since, since + time.seconds, finest)


def moment(text: str, name: str, *, end: bool = False) -> datetime:
    """A date or a moment from a URL. A date at the end of a range means the end of that day.

    Raises:
        InvalidOption.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidOption(f"{name}={text!r} must be a date, or a moment such as 2026-11-26T14:00") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if not 1970 <= found.year < 9000:
        raise InvalidOption(f"{name}={text!r} must be after 1970")
    return found + timedelta(days=1) if end and len(text) == 10 else found


def written(seconds: float) -> str:
    """A moment as it stands in a URL."""
    return f"{periods.at(seconds):%Y-%m-%dT%H:%M}"
