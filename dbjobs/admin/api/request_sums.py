"""Sums of the request log by route, user, API key and address: from its roll-ups only."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Literal

import msgspec

from dbjobs.admin.api.requests import LOOK_SECONDS, OPERATIONS, Request, period_of, row_of
from dbjobs.admin.call import Call, NotFound
from dbjobs.requests import BUCKETS_MS, RequestFilter, RequestStat, StatKind

Kind = Literal["route", "user", "key", "ip"]
KINDS: tuple[Kind, ...] = ("route", "user", "key", "ip")
# Besides these, a report has the ten largest of each other kind.
TOP = 10
MOST = 100
BUCKETS = ("< 10 ms", "< 50 ms", "< 100 ms", "< 0.5 s", "< 1 s", "< 2 s", "< 5 s", "< 30 s", "longer")
assert len(BUCKETS) == len(BUCKETS_MS) + 1


class SumRequests(msgspec.Struct, frozen=True, kw_only=True):
    """Which sums.

    Attributes:
        by: what to sum by.
        month: ``YYYYMM``, or all; this month if left out.
        limit: at most this many names, 1 to 1000.
        route, user, key, ip, status: only requests of this one; give at most one, and ``by`` must be another kind.
    """

    by: StatKind
    month: str | None = None
    limit: int = MOST
    route: str | None = None
    user: str | None = None
    key: str | None = None
    ip: str | None = None
    status: str | None = None


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over one name's requests.

    Attributes:
        errors: answers of 500 and more, and exceptions.
        duration_ms: the sum; the others are of single requests, percentiles approximate.
        request_bytes, response_bytes: of all bodies together.
        buckets: how many took under 10, 50, 100, 500 ms, 1, 2, 5, 30 s, and longer.
    """

    name: str
    requests: int
    errors: int
    duration_ms: float
    mean_ms: float
    least_ms: float
    longest_ms: float
    p50_ms: float
    p95_ms: float
    request_bytes: int
    request_bytes_least: int
    request_bytes_most: int
    response_bytes: int
    buckets: list[int]


class SumList(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by name, most requests first; days and hours newest first."""

    by: str
    month: str
    sums: list[Sums]


class OfMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a month.

    Attributes:
        month: ``YYYYMM``, or all; this month if left out.
    """

    month: str | None = None


class RequestOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A month of requests.

    Attributes:
        days: oldest first.
        total: of all; None: there were none.
        browsers, devices, bots, statuses: most requests first.
    """

    month: str
    total: Sums | None
    days: list[Sums]
    browsers: list[Sums]
    devices: list[Sums]
    bots: list[Sums]
    statuses: list[Sums]


class AboutName(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a route, a user, an API key (or its hash) or an address.

    Attributes:
        by: which of them.
        month: ``YYYYMM``, or all; this month if left out.
    """

    by: Kind
    name: str
    month: str | None = None


class NameReport(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of a route, a user, a key or an address.

    Attributes:
        total: of all.
        statuses: by status.
        last: the latest one; None if it is too far back to find at once.
        top: the ten largest of each other kind: route, user, key, ip.
    """

    by: Kind
    name: str
    month: str
    total: Sums
    statuses: list[Sums]
    last: Request | None
    top: dict[Kind, list[Sums]]


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Which kinds of names a month has: route, user, key, ip."""

    month: str
    kinds: list[Kind]


@OPERATIONS.get("/requests/sums")
async def sum_requests(call: Call, asked: SumRequests) -> SumList:
    """Sums of requests by any kind of name, also for a single route, user, key, address or status."""
    month = month_of(asked.month)
    since, until = period_of(month)
    found = await call.jobs.requests.stats(
        asked.by, since=since, until=until, limit=asked.limit, route=asked.route, user=asked.user, key=asked.key,
        ip=asked.ip, status=asked.status,
    )  # fmt: skip
    return SumList(by=asked.by, month=month, sums=[_sums(one) for one in found])


@OPERATIONS.get("/requests/overview")
async def get_request_overview(call: Call, asked: OfMonth) -> RequestOverview:
    """A month's requests by day, browser, device, bot and status."""
    kinds: tuple[StatKind, ...] = ("day", "browser", "device", "bot", "status")
    lists = await asyncio.gather(*(sum_requests(call, SumRequests(by=by, month=asked.month)) for by in kinds))
    days, browsers, devices, bots, statuses = (one.sums for one in lists)
    total = None if not statuses else together("all", statuses)
    return RequestOverview(
        month=lists[0].month, total=total, days=days[::-1], browsers=browsers, devices=devices, bots=bots,
        statuses=sorted(statuses, key=lambda one: one.name),
    )  # fmt: skip


@OPERATIONS.get("/requests/about")
async def get_request_report(call: Call, asked: AboutName) -> NameReport:
    """All sums of one route, user, API key or address."""
    others = [kind for kind in KINDS if kind != asked.by]
    of = {asked.by: asked.name}
    lists = await asyncio.gather(
        sum_requests(call, SumRequests(by="status", month=asked.month, **of)),  # type: ignore[arg-type]
        *(sum_requests(call, SumRequests(by=by, month=asked.month, limit=TOP, **of)) for by in others),
    )
    statuses = sorted(lists[0].sums, key=lambda one: one.name)
    if not statuses:
        raise NotFound(f"there is no request of {asked.by} {asked.name} in this time")
    since, until = period_of(lists[0].month)
    wanted: RequestFilter = {"since": since, "until": until}
    wanted[asked.by] = asked.name
    last = await call.jobs.requests.list(limit=1, seconds=LOOK_SECONDS / 2, **wanted)
    return NameReport(
        by=asked.by,
        name=asked.name,
        month=lists[0].month,
        total=together(asked.name, statuses),
        statuses=statuses,
        last=row_of(last.requests[0]) if last.requests else None,
        top={kind: found.sums for kind, found in zip(others, lists[1:], strict=True)},
    )


@OPERATIONS.get("/requests/kinds")
async def list_request_kinds(call: Call, asked: OfMonth) -> Presence:
    """Whether a month has requests with routes, users, API keys and addresses."""
    lists = await asyncio.gather(
        *(sum_requests(call, SumRequests(by=kind, month=asked.month, limit=1)) for kind in KINDS)
    )
    kinds = [kind for kind, found in zip(KINDS, lists, strict=True) if found.sums]
    return Presence(month=lists[0].month, kinds=kinds)


def month_of(month: str | None) -> str:
    """The requested month; by default this one."""
    return month or f"{datetime.now(UTC):%Y%m}"


def together(name: str, parts: list[Sums]) -> Sums:
    """The sum of sums."""
    buckets = [sum(counts) for counts in zip(*(one.buckets for one in parts), strict=True)]
    return _sums(
        RequestStat(
            name=name,
            requests=sum(one.requests for one in parts),
            errors=sum(one.errors for one in parts),
            request_bytes=sum(one.request_bytes for one in parts),
            request_bytes_min=min(one.request_bytes_least for one in parts),
            request_bytes_max=max(one.request_bytes_most for one in parts),
            response_bytes=sum(one.response_bytes for one in parts),
            duration_ms=sum(one.duration_ms for one in parts),
            duration_min_ms=min(one.least_ms for one in parts),
            duration_max_ms=max(one.longest_ms for one in parts),
            buckets=tuple(buckets),
        )
    )


def _sums(one: RequestStat) -> Sums:
    return Sums(
        name=one.name,
        requests=int(one.requests),
        errors=int(one.errors),
        duration_ms=float(one.duration_ms),
        mean_ms=float(one.mean_ms),
        least_ms=float(one.duration_min_ms),
        longest_ms=float(one.duration_max_ms),
        p50_ms=float(one.percentile_ms(0.5)),
        p95_ms=float(one.percentile_ms(0.95)),
        request_bytes=int(one.request_bytes),
        request_bytes_least=int(one.request_bytes_min),
        request_bytes_most=int(one.request_bytes_max),
        response_bytes=int(one.response_bytes),
        buckets=[int(count) for count in one.buckets],
    )
