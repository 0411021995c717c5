"""Reads the request log: ``jobs.requests``."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from math import inf
from typing import Any, Unpack, get_args

import msgspec

from dbjobs.client.client import Client
from dbjobs.errors import InvalidOption
from dbjobs.requests.filters import RequestFilter, StatKind, ceiling, conditions_of, floor, pair_of, seconds_of
from dbjobs.requests.keys import id_of, key_of, place_of
from dbjobs.requests.results import (
    LoggedRequest,
    RequestCounts,
    RequestPage,
    RequestStat,
    added,
    logged_of,
    stat_of,
)
from dbjobs.store import repository
from dbjobs.store.database import Row
from dbjobs.store.repository.requests import Look
from dbjobs.store.repository.rows import moment_of
from dbjobs.store.transactions.partitions import first_day, month_after

ROWS_PER_LOOK = 5_000
FIRST_LOOK = 4  # times the rows that are wanted; each further look is so much longer than the one before
ROWS_PER_CALL = 100_000  # that one call of `list` goes through, however few of them fit
NAMES_PER_MONTH = 10_000  # that `stats` adds up over the months
MOST = 1000


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
        conditions = conditions_of(filters)
        since, place = conditions.pop("since"), min(place_of(before), (conditions.pop("until"), 0))
        over = inf if seconds is None else time.monotonic() + seconds_of(seconds, "seconds")
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
                found += [logged_of(row) for row in rows if row["fits"]]
                if not rows:
                    break
                reached = rows[-1]
                at, tie = key_of(reached)
                looked += rows[0]["looked"]
                if len(found) >= limit or looked >= ROWS_PER_CALL or time.monotonic() >= over:
                    return RequestPage(found, id_of(at, tie), moment_of(reached["at"]))
                if rows[0]["looked"] < look.look:
                    break
        return RequestPage(found, None, None if reached is None else moment_of(reached["at"]))

    async def get(self, id: str) -> LoggedRequest | None:
        """One request with all that was kept of it; None if it is not there.

        Raises:
            InvalidOption: this is not the id of a request.
        """
        if id is None:
            raise InvalidOption("None is not the id of a request, such as 20260131T093000.123456-1f")
        at, tie = place_of(id)
        row = await repository.get_request(self._client.db, at[:4] + at[5:7], at, tie)
        if row is None:
            return None
        return logged_of(row, msgspec.json.decode(row["meta"]) if row["meta"] else {})

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
            since, until: from and up to which hour; a timedelta is how long ago. By default all that is kept.
            limit: at most this many names (1 to 1000).
            route, user, key, ip, status: only of one of these; then ``by`` is another one of them.

        Raises:
            InvalidOption.
        """
        if by not in get_args(StatKind):
            raise InvalidOption(f"by={by!r} must be one of {', '.join(get_args(StatKind))}")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
            raise InvalidOption(f"limit={limit!r} must be a whole number from 1 to {MOST}")
        pair = pair_of(by, {"route": route, "user": user, "key": key, "ip": ip, "status": status})
        if until is not None and not isinstance(until, datetime):
            raise InvalidOption(f"until={until!r} must be a datetime")
        begin = floor(since)
        end = ceiling(until)[:19]
        total: dict[str, dict[str, Any]] = {}
        for month in await repository.list_request_months(self._client.db):
            first, last = first_day(month), first_day(month_after(month))
            if begin < last and end > first:
                sums = await repository.list_request_stats(
                    self._client.db, month=month, since=max(begin, first), until=min(end, last),
                    limit=NAMES_PER_MONTH, **pair,
                )  # fmt: skip
                for name, values in sums.items():
                    total[name] = added(total[name], values) if name in total else dict(values)
        stats = [stat_of(name, values) for name, values in total.items()]
        if by in ("hour", "day"):
            stats.sort(key=lambda stat: stat.name, reverse=True)
        else:
            stats.sort(key=lambda stat: (-stat.requests, stat.name))
        return stats[:limit]


list_ = list  # `RequestAdmin.list` hides the builtin in the annotations below it
