"""The request log: single requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.operations import Nothing, Operations
from dbjobs.errors import InvalidOption
from dbjobs.requests import LoggedRequest, RequestFilter
from dbjobs.store import repository
from dbjobs.store.transactions.partitions import first_day, month_after

OPERATIONS = Operations("requests")
# One look of a page reads the log for about this long; the next look goes on where it ended.
LOOK_SECONDS = 0.05
# We search for requests of a trace this long before and after the one that names it.
TRACE_TIME = timedelta(minutes=15)
MOST_OF_A_TRACE = 20
FIRST_YEAR, LAST_YEAR = 1970, 9998
_SLOW = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m)?")
_UNITS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0}


class ListRequests(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests. All conditions must hold.

    Attributes:
        month: only of this month, ``YYYYMM``.
        status: a code such as 404, or a class such as 5xx.
        method, path, route, user, ip, trace: exactly these.
        key, session: an API key or a session, or its hash.
        slow: took at least this long: 250ms, 2s, 1min.
        failed: only those with an exception of the application.
        near: the id of a request: only those within a quarter of an hour of it.
        limit: at most this many, 1 to 1000.
        before: where the page begins: ``next`` of the previous answer.
    """

    month: str | None = None
    status: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    user: str | None = None
    session: str | None = None
    ip: str | None = None
    key: str | None = None
    trace: str | None = None
    slow: str | None = None
    failed: bool = False
    near: str | None = None
    limit: int = 50
    before: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the log.

    Attributes:
        id: contains its time; ids are in time order.
        duration_ms: until the last byte of the response was handed to the server.
        api_key, session: hashes.
        request_bytes, response_bytes: of the bodies.
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


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, newest first.

    Attributes:
        next: ``before`` of the next page; None: there is nothing more. A short or empty page may still have a next one:
            the look ended there.
        back_to: how far back this look went.
    """

    requests: list[Request]
    next: str | None
    back_to: datetime | None


class OneRequest(msgspec.Struct, frozen=True):
    """Input that names a request."""

    id: str


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A body as logged, with its secrets masked.

    Attributes:
        raw: the text.
        value: what its JSON says; None if it is not JSON.
    """

    raw: str
    value: Any = None


class RequestDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A request with everything the log kept.

    Attributes:
        more: what else is known: host, HTTP version, endpoint, referer, user agent, browser, device, bot, ...
        request_headers, response_headers: names and values; None: not logged.
        cookies: names of the cookies sent, with masked values.
        request_body, response_body: None: not logged.
        meta: the application's own.
        trace: other requests of its trace at about the same time.
    """

    request: Request
    more: dict[str, Any]
    request_headers: list[tuple[str, str]] | None
    response_headers: list[tuple[str, str]] | None
    cookies: list[str]
    request_body: Body | None
    response_body: Body | None
    traceback: str | None
    meta: dict[str, Any] | None
    trace: list[Request]


class MonthList(msgspec.Struct, frozen=True, kw_only=True):
    """Months of the log, newest first, as ``YYYYMM``."""

    months: list[str]


@OPERATIONS.get("/requests")
async def list_requests(call: Call, asked: ListRequests) -> RequestList:
    """Requests of the log, newest first. Each call reads the log for a moment and says how far back it got."""
    filters: RequestFilter = {
        "status": asked.status, "method": asked.method, "path": asked.path, "route": asked.route, "user": asked.user,
        "session": asked.session, "ip": asked.ip, "key": asked.key, "trace_id": asked.trace, "failed": asked.failed,
        "slow": None if asked.slow is None else seconds_of(asked.slow),
    }  # fmt: skip
    filters["since"], filters["until"] = period_of(asked.month)
    if asked.near is not None:
        moment = _moment_of(asked.near)
        filters["since"], filters["until"] = moment - TRACE_TIME, moment + TRACE_TIME
    page = await call.jobs.requests.list(limit=asked.limit, before=asked.before, seconds=LOOK_SECONDS, **filters)
    return RequestList(requests=[row_of(one) for one in page], next=page.next, back_to=page.back_to)


@OPERATIONS.get("/requests/one")
async def get_request(call: Call, asked: OneRequest) -> RequestDetail:
    """One request with everything the log kept."""
    found = await call.jobs.requests.get(asked.id)
    if found is None:
        raise NotFound(f"there is no request {asked.id} in the log")
    more = dict(found.more)
    request_headers, response_headers = more.pop("request_headers", None), more.pop("response_headers", None)
    bodies = [_body(call, name, more.pop(f"{name}_body", None)) for name in ("request", "response")]
    meta = more.pop("meta", None)
    trace: list[Request] = []
    if found.trace_id is not None:
        page = await call.jobs.requests.list(
            limit=MOST_OF_A_TRACE, seconds=LOOK_SECONDS / 2, trace_id=found.trace_id, since=found.at - TRACE_TIME,
            until=found.at + TRACE_TIME,
        )  # fmt: skip
        trace = [row_of(one) for one in page if one.id != found.id]
    return RequestDetail(
        request=row_of(found),
        traceback=more.pop("traceback", None),
        more=more,
        request_headers=_headers(call, "request_headers", request_headers),
        response_headers=_headers(call, "response_headers", response_headers),
        cookies=_cookies(request_headers),
        request_body=bodies[0],
        response_body=bodies[1],
        meta=None if meta is None else shown(call, "meta", meta),
        trace=trace,
    )


@OPERATIONS.get("/requests/months")
async def list_request_months(call: Call, asked: Nothing) -> MonthList:
    """Months that the log has tables or partitions for, newest first."""
    now = f"{datetime.now(UTC):%Y%m}"
    return MonthList(months=[m for m in reversed(await repository.list_request_months(call.db)) if m <= now])


def period_of(month: str | None) -> tuple[datetime | None, datetime | None]:
    """The first moments of a month and of the next one; None: everything.

    Raises:
        InvalidOption: it is not a month.
    """
    if not month or month == "all":
        return None, None
    if re.fullmatch(r"[12]\d{3}(0[1-9]|1[0-2])", month) is None:
        raise InvalidOption(f"month={month!r} must be a month such as 202611, or all")
    begin, end = (datetime.fromisoformat(first_day(one)).replace(tzinfo=UTC) for one in (month, month_after(month)))
    return begin, end


def seconds_of(text: str) -> float:
    """A duration such as 250ms, 2s or 1min.

    Raises:
        InvalidOption.
    """
    match = _SLOW.fullmatch(text.strip())
    if match is None or len(text) > 20:
        raise InvalidOption(f"slow={text[:40]!r} must be a duration such as 250ms, 2s or 1min")
    return float(match[1]) * _UNITS[match[2]]


def _moment_of(id: str) -> datetime:
    try:
        moment = datetime.strptime(id.partition("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(id)
    except ValueError:
        raise InvalidOption(f"near={id[:60]!r} is not the id of a request") from None
    return moment


def row_of(one: LoggedRequest) -> Request:
    """A request as the API returns it."""
    return Request(**{name: getattr(one, name) for name in Request.__struct_fields__})


def _body(call: Call, name: str, text: str | None) -> Body | None:
    """A body, pretty-printed if it is JSON; also redacted by the application's own rule."""
    if text is None:
        return None
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return Body(raw=str(shown(call, name, text)))
    allowed = shown(call, name, value)
    return Body(raw=text if call.settings.redact is None else msgspec.json.encode(allowed).decode(), value=allowed)


def _headers(call: Call, name: str, headers: Sequence[Sequence[str]] | None) -> list[tuple[str, str]] | None:
    if headers is None:
        return None
    return [(key, str(shown(call, f"{name}.{key}", value))) for key, value in headers]


def _cookies(headers: Sequence[Sequence[str]] | None) -> list[str]:
    return [value for name, value in headers or () if name == "cookie"]
