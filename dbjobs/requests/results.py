"""What the request log answers: requests, pages of them, sums, and what this process has done with its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dbjobs.requests.keys import id_of, key_of
from dbjobs.store.database import Row
from dbjobs.store.repository.requests import SUMS
from dbjobs.store.repository.rows import moment_of

# Up to where each bucket of durations reaches; the last one has no end.
BUCKETS_MS = (10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 5000.0, 30000.0)
_BUCKETS = SUMS[9:]


@dataclass
class RequestCounts:
    """What this process has done with its requests.

    Attributes:
        seen: requests that were to be logged.
        written: that are in the database.
        dropped: that found the buffer full, or waited for the database in vain.
        failed: that could not be turned into a record, or that the database refused.
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
            empty, and still have a next one: this much of the log has been looked through for now.
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
        buckets: how many took this long: under 10, 50, 100, 500 ms, 1, 2, 5, 30 s, and longer.
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


def stat_of(name: str, values: Mapping[str, Any]) -> RequestStat:
    """The sums of one name, from the columns of its roll-ups."""
    plain = {column: values[column] for column in SUMS[:7]}
    return RequestStat(
        name=name,
        **plain,
        duration_min_ms=values["duration_min"],
        duration_max_ms=values["duration_max"],
        buckets=tuple(values[column] for column in _BUCKETS),
    )


def added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two of these rows of sums as one."""

    def both(name: str) -> Any:
        if name.endswith("_min"):
            return min(one[name], other[name])
        return max(one[name], other[name]) if name.endswith("_max") else one[name] + other[name]

    return {name: both(name) for name in one}


def logged_of(row: Row, more: Mapping[str, Any] | None = None) -> LoggedRequest:
    """A row of the log as a request."""
    return LoggedRequest(
        id=id_of(*key_of(row)),
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
