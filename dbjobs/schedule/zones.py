"""Wall clocks and the instants they stand for: where a zone's offset changes, and what it does to a local time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

from dbjobs.errors import InvalidOption

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@cache
def zone_of(name: str) -> tzinfo:
    """The time zone of this name.

    Raises:
        InvalidOption: there is none.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, available_timezones  # for those who have a zone

    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not there; a folder; a path
        pass
    hint = "use a name like 'Europe/Paris'"
    if not available_timezones():
        hint = "this system has no time zone database: pip install tzdata"
    raise InvalidOption(f"there is no time zone {name!r}; {hint}")


def offset_at(instant: datetime, zone: tzinfo) -> timedelta:
    """What local time is ahead of UTC at this instant."""
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def local_of(instant: datetime, zone: tzinfo) -> datetime:
    """What a wall clock shows at this instant, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def instant_of(local: datetime, zone: tzinfo) -> datetime:
    """The instant (UTC) at which a wall clock shows this time first; in a gap the first instant after the gap."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if local_of(first, zone) == local:
        return first
    # In a gap: read with the offset before it, the instant lies behind the change, and with the one after it before it.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(before, first, zone)


def next_change(after: datetime, until: datetime, zone: tzinfo) -> datetime | None:
    """The first instant in (after, until] with another offset than the one before it; None if there is none.

    It looks once a day: two changes within one day that undo each other are not seen, and no zone has them.
    """
    if zone is UTC:
        return None
    offset = offset_at(after, zone)
    low = after
    while low < until:
        high = min(low + _DAY, until)
        if offset_at(high, zone) != offset:
            return _change_between(low, high, zone)
        low = high
    return None


def _change_between(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first whole second in (low, high] with another offset than ``low``, given that ``high`` has one."""
    offset = offset_at(low, zone)
    low = low.replace(microsecond=0)
    if high.microsecond:
        high = high.replace(microsecond=0) + _SECOND
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if offset_at(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high
