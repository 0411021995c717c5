"""Requests: the log, and its sums by route, user, API key and address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from dbjobs.admin.api import request_sums as sums
from dbjobs.admin.api import requests as api
from dbjobs.admin.call import Call, NotFound
from dbjobs.admin.charts import Rank, Series
from dbjobs.admin.kept import Kept
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages
from dbjobs.errors import InvalidOption

PAGES = Pages("Requests", "/requests", key="r")
LIMITS = (5, 10, 25, 50, 100)
SLOW = "1s"
# Kind -> path, label, name of a single one, and the log's filter.
TABS: dict[sums.Kind, tuple[str, str, str]] = {
    "route": ("/requests/routes", "Routes", "route"),
    "user": ("/requests/users", "Users", "user"),
    "key": ("/requests/keys", "API keys", "API key"),
    "ip": ("/requests/addresses", "Addresses", "address"),
}
KEEP_SECONDS = 10.0
_kinds: Kept[list[sums.Kind]] = Kept()
_FILTERS = ("status", "method", "path", "route", "user", "session", "ip", "key", "trace", "slow", "failed", "near")


@PAGES.page()
async def requests(call: Call) -> Response:
    """The log."""
    trouble = None
    asked = _asked(call)
    try:
        listed = await api.list_requests(call, asked)
    except InvalidOption as error:
        trouble, listed = str(error), api.RequestList(requests=[], next=None, back_to=None)
    detail: api.RequestDetail | None = None
    if reference := call.query("request"):
        try:
            detail = await api.get_request(call, api.OneRequest(reference))
        except (InvalidOption, NotFound):
            detail = None
    return await call.render(
        "requests.html",
        title="Requests",
        tabs=await _tabs(call, None),
        asked=asked,
        filters={name: value for name in _FILTERS if (value := getattr(asked, name))},
        listed=listed,
        trouble=trouble,
        slow=SLOW,
        month=asked.month,
        reference=reference,
        detail=detail,
        years=_years((await api.list_request_months(call, Nothing())).months),
    )


@PAGES.page("/requests/routes")
async def routes(call: Call) -> Response:
    """Sums by route."""
    return await _of(call, "route")


@PAGES.page("/requests/users")
async def users(call: Call) -> Response:
    """Sums by user."""
    return await _of(call, "user")


@PAGES.page("/requests/keys")
async def keys(call: Call) -> Response:
    """Sums by API key."""
    return await _of(call, "key")


@PAGES.page("/requests/addresses")
async def addresses(call: Call) -> Response:
    """Sums by address."""
    return await _of(call, "ip")


async def _of(call: Call, kind: sums.Kind) -> Response:
    path, label, one = TABS[kind]
    month = sums.month_of(call.query("month") or None)
    common: dict[str, Any] = {
        "kind": kind, "path_here": path, "one": one, "label": label, "month": month,
        "years": _years((await api.list_request_months(call, Nothing())).months), "tabs": await _tabs(call, kind),
        "links": {other: TABS[other][0] for other in TABS}, "labels": {other: TABS[other][1] for other in TABS},
        "shown": name_of,
    }  # fmt: skip
    if name := call.query("name"):
        return await _report(call, kind, name, month, common)
    limit = int(call.query("limit")) if call.query("limit") in map(str, LIMITS) else 25
    listed = await sums.sum_requests(call, sums.SumRequests(by=kind, month=month))
    overview = await sums.get_request_overview(call, sums.OfMonth(month=month)) if kind == "route" else None
    return await call.render(
        "request_sums.html",
        title=label,
        **common,
        limit=limit,
        limits=LIMITS,
        names=listed.sums,
        overview=overview,
        buckets=sums.BUCKETS,
        rankings=_rankings(call, kind, listed.sums, month, limit),
        portions=_portions(overview),
        days=_days(overview),
    )


async def _report(call: Call, kind: sums.Kind, name: str, month: str, common: dict[str, Any]) -> Response:
    try:
        report = await sums.get_request_report(call, sums.AboutName(by=kind, name=name, month=month))
    except NotFound:
        report = None
    top: dict[sums.Kind, list[sums.Sums]] = {} if report is None else report.top
    return await call.render(
        "request_name.html",
        title=f"{common['one'][0].upper()}{common['one'][1:]} {name_of(kind, name)}",
        name=name,
        report=report,
        buckets=sums.BUCKETS,
        top={other: _ranks(call, other, found, month, "requests") for other, found in top.items()},
        portions=[] if report is None else _statuses(report.statuses),
        **common,
    )


def name_of(kind: str, name: str) -> str:
    """A name for display: the beginning of a hash is enough to tell keys apart."""
    return f"{name[:8]}…" if kind == "key" and len(name) > 12 else name


async def _tabs(call: Call, here: str | None) -> list[tuple[str, str, bool]]:
    """The log, and each kind in the month: path, label, whether it is this page."""
    known = await _known(call, call.query("month"))
    return [("/requests", "Log", here is None)] + [
        (path, label, kind == here) for kind, (path, label, _) in TABS.items() if kind in known or kind == here
    ]


async def _known(call: Call, month: str) -> list[sums.Kind]:
    """The kinds of a month: every page shows them, and they seldom change."""

    async def ask() -> list[sums.Kind]:
        return (await sums.list_request_kinds(call, sums.OfMonth(month=month or None))).kinds

    try:
        return await _kinds.get(call.jobs, month, KEEP_SECONDS, ask)
    except InvalidOption:
        return []


def _asked(call: Call) -> api.ListRequests:
    """The conditions in the URL; an empty field of the form counts as none."""
    names = set(api.ListRequests.__struct_fields__)
    given = {name: value for name, value in call.request.query_params.items() if name in names and value.strip()}
    return msgspec.convert(given, api.ListRequests, strict=False)


def _years(months: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for month in months:
        found.setdefault(month[:4], []).append(month)
    return found


def _rankings(
    call: Call, kind: sums.Kind, names: list[sums.Sums], month: str, limit: int
) -> list[tuple[str, str, list[Rank]]]:
    """Title, unit and rows of each ranking."""
    by_time = sorted(names, key=lambda one: -one.duration_ms)
    by_mean = sorted(names, key=lambda one: -one.mean_ms)
    return [
        ("Requests", "number", _ranks(call, kind, names[:limit], month, "requests")),
        ("Time in all", "ms", _ranks(call, kind, by_time[:limit], month, "duration_ms")),
        ("Mean time", "ms", _ranks(call, kind, by_mean[:limit], month, "mean_ms")),
    ]


def _ranks(call: Call, kind: sums.Kind, names: list[sums.Sums], month: str, value: str) -> list[Rank]:
    return [
        Rank(
            name_of(kind, one.name),
            float(getattr(one, value)),
            link=call.url(TABS[kind][0], name=one.name, month=month),
            note=f"{one.errors} failed" if value == "requests" and one.errors else "",
        )
        for one in names
    ]


def _portions(overview: sums.RequestOverview | None) -> list[tuple[str, list[Rank]]]:
    if overview is None:
        return []
    kinds = (("Browsers", overview.browsers), ("Devices", overview.devices), ("Bots", overview.bots))
    found = [(title, [Rank(one.name, one.requests) for one in rows]) for title, rows in kinds if rows]
    return [("Status", _statuses(overview.statuses)), *found] if overview.statuses else []


def _statuses(statuses: list[sums.Sums]) -> list[Rank]:
    """Codes in the colours of their classes."""
    kinds = {"2": "completed", "3": "c0", "4": "cancelled", "5": "failed"}
    return [Rank(one.name, one.requests, kind=kinds.get(one.name[:1], "c5")) for one in statuses]


def _days(overview: sums.RequestOverview | None) -> dict[str, Any] | None:
    """Requests and mean time of each day."""
    if overview is None or not overview.days:
        return None
    known = {one.name[:10]: one for one in overview.days}
    first, last = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (min(known), max(known)))
    starts = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found = [known.get(f"{start:%Y-%m-%d}") for start in starts]
    return {
        "starts": starts,
        "step": timedelta(days=1),
        "counts": [
            Series("answered", [0 if one is None else one.requests - one.errors for one in found], "c0"),
            Series("failed", [0 if one is None else one.errors for one in found], "failed"),
        ],
        "means": [
            Series("mean", [None if one is None else one.mean_ms for one in found], "p50"),
            Series("p95", [None if one is None else one.p95_ms for one in found], "p95"),
        ],
    }
