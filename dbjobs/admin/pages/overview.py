"""Overview."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from dbjobs.admin import periods, sorting
from dbjobs.admin.api import overview as api
from dbjobs.admin.call import Call
from dbjobs.admin.charts import Series
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages
from dbjobs.inspect.periods import Bucket

PAGES = Pages("Overview", "/", key="o")
# The page with each check's remedy.
PLACES = {
    "nodes": "/nodes", "holders": "/nodes", "queues": "/queues", "lanes": "/workers", "schedules": "/schedules",
    "commands": "/commands",
}  # fmt: skip
KINDS = ("completed", "retried", "cancelled", "failed")


@PAGES.page()
async def overview(call: Call) -> Response:
    """Health, a period in numbers and charts, and tables of who did it."""
    asked = api.OverviewAsked(
        period=call.query("period") or ("range" if call.query("since") else "today"),
        since=call.query("since"), until=call.query("until"),
    )  # fmt: skip
    found = await api.overview(call, asked)
    order = sorting.chosen(call, api.Row, "-total")
    return await call.render(
        "overview.html",
        title="Overview",
        health=await api.health(call, Nothing()),
        places=PLACES,
        shown=found,
        asked=asked,
        periods=periods.PERIODS,
        drawn=charts_of(call, found.buckets, found.before, found.step_seconds),
        tables=[
            (title, kind, order.sorted(rows), max((row.total for row in rows), default=0))
            for title, kind, rows in (
                ("Commands", "command", found.commands), ("API routes", "command", found.apis),
                ("Queues", "queue", found.queues), ("Workers", "worker", found.workers),
            )
        ],
        order=order,
    )  # fmt: skip


def charts_of(call: Call, buckets: Sequence[Bucket], before: Sequence[Bucket] | None, step: int) -> dict[str, Any]:
    """What ``charts.html`` draws: outcomes, wait and run times; each bucket links to its own narrower period."""
    starts = [bucket.starts for bucket in buckets]
    return {
        "starts": starts,
        "step": timedelta(seconds=step),
        "outcomes": [Series(kind, [getattr(bucket, kind) for bucket in buckets], kind) for kind in KINDS],
        "ended_before": None if before is None else [sum(getattr(one, kind) for kind in KINDS) for one in before],
        "wait": _percentiles([bucket.wait for bucket in buckets]),
        "wait_before": None if before is None else [one.wait.p95 for one in before],
        "run": _percentiles([bucket.run for bucket in buckets]),
        "run_before": None if before is None else [one.run.p95 for one in before],
        "links": None if step <= 60 else [
            call.here(period="range", since=periods.written(start.timestamp()),
                      until=periods.written(start.timestamp() + step), job=None)
            for start in starts
        ],
    }  # fmt: skip


def _percentiles(spreads: Sequence[msgspec.Struct]) -> list[Series]:
    return [Series(name, [getattr(one, name) for one in spreads], name) for name in ("p50", "p95", "p99")]
