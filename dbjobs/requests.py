"""What the request log has: ``jobs.requests``. The middleware that fills it is ``dbjobs.requestlog.RequestLog``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal, TypedDict, Unpack, get_args

import msgspec

from dbjobs.client.client import Client
from dbjobs.errors import InvalidOption
from dbjobs.store import repository
from dbjobs.store.database import Row
from dbjobs.store.repository.requests import SUMS, Look
from dbjobs.store.repository.rows import moment_of
from dbjobs.store.transactions.partitions import first_day, month_after
from dbjobs.store.transactions.requests import FOLD_AFTER_HOURS

MOMENT = "%Y-%m-%d %H:%M:%S.%f"
END_OF_TIME = "9999-12-31 00:00:00.000000"
# What a row of the log keeps in its JSON.
META = (
    "host", "http_version", "endpoint", "forwarded_for", "referer", "user_agent", "disconnected", "request_headers",
    "response_headers", "request_body", "response_body", "traceback", "meta",
)  # fmt: skip
HASH = "h_"  # what the hashes of API keys and sessions begin with
ROWS_PER_LOOK = 5_000
FIRST_LOOK = 4  # times the rows that are wanted; each further look is so much longer than the one before
ROWS_PER_CALL = 100_000  # that one call of `list` goes through, however few of them fit
NAMES_PER_MONTH = 10_000  # that `stats` adds up over the months
MOST = 1000
_FIRST_YEAR = 1970  # of ids: what is older is none

StatKind = Literal["route", "user", "key", "ip", "status", "browser", "device", "bot", "duration", "hour", "day"]
# Roll-ups of pairs: which of the two names comes first in them.
_PAIRED = ("route", "user", "key", "ip", "status")
BUCKETS_MS = (10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 5000.0, 30000.0)
_BUCKETS = SUMS[9:]


@dataclass
class RequestCounts:
    """What this process has done with its requests.

    Attributes:
        seen: requests that were to be logged.
        written: that are in the database.
        dropped: that found the buffer full, or waited for the database in vain.
        failed: that could not be made a record of, or that the database has refused.
        buffered: that wait to be written now.
    """

    seen: int = 0
    written: int = 0
    dropped: int = 0
    failed: int = 0
    buffered: int = 0


@dataclass(frozen=True)
class LoggedRequest:
    """A request in the log.

    Attributes:
        id: says its moment, so ids are in the order of time.
        duration_ms: until the last byte of the response was handed to the server.
        user, api_key, session: who asked; of the last two there are hashes only.
        request_bytes, response_bytes: of the bodies.
        more: what only ``get`` reads: headers, bodies, user agent, browser, device, bot, referer, traceback, ...
    """

    id: str
    at: datetime
    method: str
    path: str
    query: str | None
    route: str | None
    status: int
    duration_ms: float
    user: str | None
    api_key: str | None
    session: str | None
    ip: str | None
    trace_id: str | None
    request_bytes: int
    response_bytes: int
    error: str | None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestPage:
    """Requests, newest first.

    Attributes:
        next: ``before=`` of the next page; None if there is nothing more. A page may be shorter than its limit, or
            empty, and have a next one all the same: so much of the log has been looked through for now.
        back_to: how far back this page has looked.
    """

    requests: list[LoggedRequest]
    next: str | None
    back_to: datetime | None

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)


@dataclass(frozen=True)
class RequestStat:
    """Sums over the requests of one name.

    Attributes:
        errors: of those, answers of 500 and more, and exceptions.
        buckets: how many took so long: under 10, 50, 100, 500 ms, 1, 2, 5, 30 s, and longer.
    """

    name: str
    requests: int
    errors: int
    request_bytes: int
    request_bytes_min: int
    request_bytes_max: int
    response_bytes: int
    duration_ms: float
    duration_min_ms: float
    duration_max_ms: float
    buckets: tuple[int, ...]

    @property
    def mean_ms(self) -> float:
        """The mean duration in milliseconds."""
        return self.duration_ms / self.requests if self.requests else 0.0

    def percentile_ms(self, share: float) -> float:
        """About what this share of the requests (0.95) took at most, in milliseconds: by the buckets, spread evenly."""
        wanted, before = share * self.requests, 0
        for at, count in enumerate(self.buckets):
            if count and before + count >= wanted:
                low = max(self.duration_min_ms, BUCKETS_MS[at - 1] if at else 0.0)
                high = min(self.duration_max_ms, BUCKETS_MS[at] if at < len(BUCKETS_MS) else self.duration_max_ms)
                return low + max(high - low, 0.0) * (wanted - before) / count
            before += count
        return self.duration_max_ms


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
        slow: at least so long: seconds, or a timedelta.
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


class RequestAdmin:
    """Reads the request log: single requests, and sums of them.

    Attributes:
        counts: what the middleware of this process has seen, written and dropped.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.counts = RequestCounts()

    async def list(
        self,
        *,
        limit: int = 50,
        before: str | None = None,
        seconds: float | timedelta | None = None,
        **filters: Unpack[RequestFilter],
    ) -> RequestPage:
        """Requests, newest first.

        User, address, route and status are found by an index, everything else by looking through the log: at most
        100,000 requests a call. ``page.next`` goes on from there.

        Args:
            limit: at most this many (1 to 1000).
            before: only older ones: ``next`` of the page before, or the id of a request.
            seconds: begin no further look after this long; None: only the number of requests is limited.
            filters: see RequestFilter.

        Raises:
            InvalidOption.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
            raise InvalidOption(f"limit={limit!r} must be a whole number from 1 to {MOST}")
        conditions = _conditions(filters)
        since, place = conditions.pop("since"), min(_place(before), (conditions.pop("until"), 0))
        over = inf if seconds is None else time.monotonic() + _seconds(seconds, "seconds")
        length = FIRST_LOOK * limit
        found: list[LoggedRequest] = []
        looked = 0
        reached: Row | None = None
        for month in reversed(await repository.list_request_months(self._client.db)):
            first, end = first_day(month) + ".000000", first_day(month_after(month)) + ".000000"
            if place[0] < first or since >= end:
                continue
            at, tie = min(place, (end, 0))
            while True:
                wanted = limit - len(found)
                look = Look(
                    month=month, since=max(since, first), before_at=at, before_tie=tie,
                    look=max(min(length, ROWS_PER_LOOK, ROWS_PER_CALL - looked), 1), limit=wanted, **conditions,
                )  # fmt: skip
                length *= FIRST_LOOK
                rows = await repository.list_requests(self._client.db, look)
                found += [_logged(row) for row in rows if row["fits"]]
                if not rows:
                    break
                reached = rows[-1]
                at, tie = _key(reached)
                looked += rows[0]["looked"]
                if len(found) >= limit or looked >= ROWS_PER_CALL or time.monotonic() >= over:
                    return RequestPage(found, _id(at, tie), moment_of(reached["at"]))
                if rows[0]["looked"] < look.look:
                    break
        return RequestPage(found, None, None if reached is None else moment_of(reached["at"]))

    async def get(self, id: str) -> LoggedRequest | None:
        """One request with all that was kept of it; None if it is not there.

        Raises:
            InvalidOption: this is no id of a request.
        """
        at, tie = _place(id)
        row = await repository.get_request(self._client.db, at[:4] + at[5:7], at, tie)
        if row is None:
            return None
        return _logged(row, msgspec.json.decode(row["meta"]) if row["meta"] else {})

    async def stats(
        self,
        by: StatKind,
        *,
        since: datetime | timedelta | None = None,
        until: datetime | None = None,
        limit: int = 100,
        route: str | None = None,
        user: str | None = None,
        key: str | None = None,
        ip: str | None = None,
        status: int | str | None = None,
    ) -> list_[RequestStat]:
        """Sums by name, those with the most requests first. Reads the roll-ups only, whose hours become days after 48.

        Args:
            by: what to sum by. With "hour" and "day", the names are moments, and the latest come first.
            since, until: from and up to which hour; a timedelta is so long ago. By default all that is kept.
            limit: at most this many names (1 to 1000).
            route, user, key, ip, status: only of one of these; then ``by`` is another one of them.

        Raises:
            InvalidOption.
        """
        if by not in get_args(StatKind):
            raise InvalidOption(f"by={by!r} must be one of {', '.join(get_args(StatKind))}")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
            raise InvalidOption(f"limit={limit!r} must be a whole number from 1 to {MOST}")
        pair = _pair(by, {"route": route, "user": user, "key": key, "ip": ip, "status": status})
        begin = _floor(since)
        end = "9999-12-31 00:00:00" if until is None else _utc(until).strftime("%Y-%m-%d %H:%M:%S")
        total: dict[str, dict[str, Any]] = {}
        for month in await repository.list_request_months(self._client.db):
            first, last = first_day(month), first_day(month_after(month))
            if begin < last and end > first:
                sums = await repository.list_request_stats(
                    self._client.db, month=month, since=max(begin, first), until=min(end, last),
                    limit=NAMES_PER_MONTH, **pair,
                )  # fmt: skip
                for name, values in sums.items():
                    total[name] = _added(total[name], values) if name in total else dict(values)
        stats = [_stat(name, values) for name, values in total.items()]
        if by in ("hour", "day"):
            stats.sort(key=lambda stat: stat.name, reverse=True)
        else:
            stats.sort(key=lambda stat: (-stat.requests, stat.name))
        return stats[:limit]


list_ = list  # `RequestAdmin.list` hides the builtin in the annotations below it


def hash_of(secret: str) -> str:
    """What the log has in place of an API key or a session: always the same, and no way back to it."""
    return HASH + hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:24]


def _hash_given(text: str) -> str:
    """The same of what somebody looks for, who may have taken the hash itself from the log."""
    return text if text.startswith(HASH) and len(text) == len(HASH) + 24 else hash_of(text)


def _conditions(filters: RequestFilter) -> dict[str, Any]:
    for name in filters:
        if name not in RequestFilter.__annotations__:
            known = ", ".join(RequestFilter.__annotations__)
            raise InvalidOption(f"requests: there is no filter {name!r}; known are {known}")
    low, high = _codes(filters.get("status"))
    method, key, session, slow = (filters.get(name) for name in ("method", "key", "session", "slow"))
    since = filters.get("since")
    until = filters.get("until")
    if until is not None and not isinstance(until, datetime):
        raise InvalidOption(f"until={until!r} must be a datetime")
    conditions: dict[str, Any] = {
        "since": "0001-01-01 00:00:00.000000" if since is None else _ago(since).strftime(MOMENT),
        "until": END_OF_TIME if until is None else _utc(until).strftime(MOMENT),
        "method": None if method is None else str(method).upper(),
        "path": filters.get("path"),
        "route": filters.get("route"),
        "user_id": filters.get("user"),
        "api_key": None if key is None else _hash_given(str(key)),
        "session_id": None if session is None else _hash_given(str(session)),
        "ip": filters.get("ip"),
        "trace_id": filters.get("trace_id"),
        "status_class": None if low // 100 != high // 100 else low // 100,
        "status_from": low,
        "status_to": high,
        "slow_ms": 0.0 if slow is None else _seconds(slow) * 1000,
        "failed": bool(filters.get("failed", False)),
    }
    for name in ("path", "route", "user_id", "ip", "trace_id", "method"):
        _check_text(name.removesuffix("_id"), conditions[name])
    # The index that leaves the fewest rows, most likely; what is not indexed is looked for row by row.
    by = next((name for name in ("user_id", "ip", "route") if conditions[name] is not None), None)
    common = low // 100 == 2 and by is None
    conditions["by"] = by or ("status" if conditions["status_class"] is not None and not common else "time")
    return conditions


def _check_text(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or "\x00" in value):
        raise InvalidOption(f"requests: {name}={value!r} is no text")


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


def _pair(by: str, of: Mapping[str, Any]) -> dict[str, Any]:
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
    value = _hash_given(str(value)) if name == "key" else str(value)
    _check_text(name, value)
    if _PAIRED.index(name) < _PAIRED.index(by):
        return {"kind": name, "detail_kind": by, "by_detail": True, "value": value}
    return {"kind": by, "detail_kind": name, "by_detail": False, "value": value}


def _stat(name: str, values: Mapping[str, Any]) -> RequestStat:
    plain = {column: values[column] for column in SUMS[:7]}
    return RequestStat(
        name=name,
        **plain,
        duration_min_ms=values["duration_min"],
        duration_max_ms=values["duration_max"],
        buckets=tuple(values[column] for column in _BUCKETS),
    )


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    def both(name: str) -> Any:
        if name.endswith("_min"):
            return min(one[name], other[name])
        return max(one[name], other[name]) if name.endswith("_max") else one[name] + other[name]

    return {name: both(name) for name in one}


def _logged(row: Row, more: Mapping[str, Any] | None = None) -> LoggedRequest:
    return LoggedRequest(
        id=_id(*_key(row)),
        at=moment_of(row["at"]),
        method=row["method"],
        path=row["path"],
        query=row["query"],
        route=row["route"],
        status=row["status_code"],
        duration_ms=row["duration_ms"],
        user=row["user_id"],
        api_key=row["api_key"],
        session=row["session_id"],
        ip=row["ip"],
        trace_id=row["trace_id"],
        request_bytes=row["request_bytes"],
        response_bytes=row["response_bytes"],
        error=row["error"],
        more=more or {},
    )


def _key(row: Row) -> tuple[str, int]:
    return moment_of(row["at"]).astimezone(UTC).strftime(MOMENT), row["tie"]


def _id(at: str, tie: int) -> str:
    """A key as one word: 20261126T193000.123456-1f."""
    return f"{at[:4]}{at[5:7]}{at[8:10]}T{at[11:13]}{at[14:16]}{at[17:]}-{tie:x}"


def _place(id: str | None) -> tuple[str, int]:
    """The key of an id; the end of time if there is none.

    Raises:
        InvalidOption.
    """
    if id is None:
        return END_OF_TIME, 0
    moment, _, tie = str(id).partition("-")
    try:
        at, number = datetime.strptime(moment, "%Y%m%dT%H%M%S.%f"), int(tie, 16)
        if at.year < _FIRST_YEAR or not 0 <= number < 2**63:
            raise ValueError(id)
        return at.strftime(MOMENT), number
    except ValueError:
        raise InvalidOption(f"{id!r} is not the id of a request, such as 20260131T093000.123456-1f") from None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _ago(since: Any) -> datetime:
    if isinstance(since, timedelta):
        return datetime.now(UTC) - since
    if not isinstance(since, datetime):
        raise InvalidOption(f"since={since!r} must be a datetime, or a timedelta: how long ago")
    return _utc(since)


def _floor(since: Any) -> str:
    """The beginning of the hour; of the day, where hours have become days."""
    if since is None:
        return "0001-01-01 00:00:00"
    moment = _ago(since)
    old = moment < datetime.now(UTC) - timedelta(hours=FOLD_AFTER_HOURS)
    return moment.strftime("%Y-%m-%d 00:00:00" if old else "%Y-%m-%d %H:00:00")


def _seconds(value: Any, name: str = "slow") -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise InvalidOption(f"{name}={value!r} must be a number of seconds, or a timedelta")
    return float(value)
