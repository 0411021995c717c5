"""What is asked of the request log, checked, as conditions that its statements take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal, TypedDict

from dbjobs.commands.options import switch
from dbjobs.errors import InvalidOption
from dbjobs.requests.keys import END_OF_TIME, hash_given
from dbjobs.store.transactions.requests import FOLD_AFTER_HOURS

StatKind = Literal["route", "user", "key", "ip", "status", "browser", "device", "bot", "duration", "hour", "day"]
# Before every request; what a year needs four digits from on.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Roll-ups of pairs: which of the two names comes first in them.
_PAIRED = ("route", "user", "key", "ip", "status")


class RequestFilter(TypedDict, total=False):
    """What ``jobs.requests.list`` looks for.

    Attributes:
        status: a code (404), or a class ("4xx").
        route: a template, such as "/users/{user_id}".
        path: exactly this path.
        user, ip, method, session, trace_id: exactly these.
        key: an API key, or the hash of one.
        since: a moment, or how long ago (timedelta).
        until: before this moment.
        slow: took at least this long: seconds, or a timedelta.
        failed: only with an exception of the application.
    """

    status: int | str | None
    route: str | None
    path: str | None
    user: str | None
    key: str | None
    session: str | None
    ip: str | None
    trace_id: str | None
    method: str | None
    since: datetime | timedelta | None
    until: datetime | None
    slow: float | timedelta | None
    failed: bool


def conditions_of(filters: RequestFilter) -> dict[str, Any]:
    """What ``list_requests`` takes, from what was given to ``jobs.requests.list``.

    Raises:
        InvalidOption.
    """
    for name in filters:
        if name not in RequestFilter.__annotations__:
            known = ", ".join(RequestFilter.__annotations__)
            raise InvalidOption(f"requests: there is no filter {name!r}; known filters are {known}")
    low, high = _codes(filters.get("status"))
    method, key, session, slow = (filters.get(name) for name in ("method", "key", "session", "slow"))
    since = filters.get("since")
    until = filters.get("until")
    failed: bool | None = filters.get("failed")
    conditions: dict[str, Any] = {
        "since": "0001-01-01 00:00:00.000000" if since is None else _as_text(ago(since)),
        "until": ceiling(until),
        "method": None if method is None else str(method).upper(),
        "path": filters.get("path"),
        "route": filters.get("route"),
        "user_id": filters.get("user"),
        "api_key": None if key is None else hash_given(str(key)),
        "session_id": None if session is None else hash_given(str(session)),
        "ip": filters.get("ip"),
        "trace_id": filters.get("trace_id"),
        "status_class": None if low // 100 != high // 100 else low // 100,
        "status_from": low,
        "status_to": high,
        "slow_ms": 0.0 if slow is None else seconds_of(slow) * 1000,
        "failed": False if failed is None else switch(failed, "requests: failed"),
    }
    for name in ("path", "route", "user_id", "ip", "trace_id", "method"):
        _check_text(name.removesuffix("_id"), conditions[name])
    # The index that leaves the fewest rows, most likely; what is not indexed is looked for row by row.
    by = next((name for name in ("user_id", "ip", "route") if conditions[name] is not None), None)
    common = low // 100 == 2 and by is None
    conditions["by"] = by or ("status" if conditions["status_class"] is not None and not common else "time")
    return conditions


def _check_text(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or _UNSTORABLE.search(value)):
        raise InvalidOption(f"requests: {name}={value!r} is not text that a database can hold")


def _as_text(moment: datetime) -> str:
    """A moment as the log's rows have it, with four digits of every year."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _codes(status: Any) -> tuple[int, int]:
    """The first and the last code."""
    text = str(status)
    if status is None:
        return 0, 999
    if len(text) == 3 and text[0] in "12345" and text[1:].lower() == "xx":
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    if text.isascii() and text.isdigit() and len(text) == 3:
        return int(text), int(text)
    raise InvalidOption(f"status={status!r} must be a code such as 404, or a class such as '4xx'")


def pair_of(by: str, of: Mapping[str, Any]) -> dict[str, Any]:
    """Which roll-up has these sums."""
    given = {name: value for name, value in of.items() if value is not None}
    if not given:
        return {"kind": by, "detail_kind": "", "by_detail": False, "value": None}
    if len(given) > 1 or not set(given) <= set(_PAIRED):
        raise InvalidOption(f"stats: give one of {', '.join(_PAIRED)}, not {', '.join(given)}")
    [(name, value)] = given.items()
    if by not in _PAIRED or by == name:
        known = ", ".join(one for one in _PAIRED if one != name)
        raise InvalidOption(f"stats: of one {name} there are sums by {known}, not by {by}")
    value = hash_given(str(value)) if name == "key" else str(value)
    _check_text(name, value)
    if _PAIRED.index(name) < _PAIRED.index(by):
        return {"kind": name, "detail_kind": by, "by_detail": True, "value": value}
    return {"kind": by, "detail_kind": name, "by_detail": False, "value": value}


def utc(moment: datetime) -> datetime:
    """A moment in UTC; one without a zone is UTC.

    Raises:
        InvalidOption: it has none there (year 1 and 9999).
    """
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidOption(f"{moment!r} is outside the calendar") from None


def ago(since: Any) -> datetime:
    """A moment, given as itself or as how long ago it was.

    Raises:
        InvalidOption.
    """
    if isinstance(since, timedelta):
        try:
            return datetime.now(UTC) - since
        except OverflowError:
            raise InvalidOption(f"since={since!r} is outside the calendar") from None
    if not isinstance(since, datetime):
        raise InvalidOption(f"since={since!r} must be a datetime, or a timedelta: how long ago")
    return utc(since)


def floor(since: Any) -> str:
    """The beginning of the hour; of the day, where hours have become days."""
    if since is None:
        return "0001-01-01 00:00:00"
    moment = max(ago(since), _FIRST)
    old = moment < datetime.now(UTC) - timedelta(hours=FOLD_AFTER_HOURS)
    return moment.strftime("%Y-%m-%d 00:00:00" if old else "%Y-%m-%d %H:00:00")


def ceiling(until: Any) -> str:
    """The end of a time; that of all time if there is none.

    Raises:
        InvalidOption.
    """
    if until is None:
        return END_OF_TIME
    if not isinstance(until, datetime):
        raise InvalidOption(f"until={until!r} must be a datetime")
    return _as_text(utc(until))


def seconds_of(value: Any, name: str = "slow") -> float:
    """Seconds, from a number or a timedelta.

    Raises:
        InvalidOption.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise InvalidOption(f"{name}={value!r} must be a number of seconds, or a timedelta")
    return float(value)
