"""Failures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from dbjobs.admin import periods, sorting
from dbjobs.admin.api import failures as api
from dbjobs.admin.call import Call
from dbjobs.admin.charts import Series
from dbjobs.admin.page import Pages
from dbjobs.admin.wording import quoted

PAGES = Pages("Failures", "/failures", key="f")


@PAGES.page()
async def failures(call: Call) -> Response:
    """What failed, by cause; one cause in full if the URL names it."""
    asked = api.FailuresAsked(
        period=call.query("period") or ("range" if call.query("since") else "7d"), since=call.query("since"),
        until=call.query("until"), command=call.query("command"), q=call.query("q"),
    )  # fmt: skip
    found = await api.list_failures(call, asked)
    order = sorting.chosen(call, api.Failure, "-attempts")
    listed = order.sorted(found.failures)
    chosen = next((one for one in listed if one.cause == call.query("cause")), None)
    return await call.render(
        "failures.html",
        title="Failures",
        found=found,
        failures=listed,
        chosen=chosen,
        searched=None if chosen is None else _search(chosen),
        drawn=_drawn(found, listed if chosen is None else [chosen]),
        order=order,
        asked=asked,
        periods=periods.PERIODS,
        back=f"../failures?{call.request.url.query}" if call.request.url.query else "../failures",
    )


def _search(failure: api.Failure) -> str:
    """The failed jobs of this error and command, wherever it was raised."""
    return f"state:failed command:{quoted(failure.command)} error_code:{quoted(failure.code)}"


def _drawn(found: api.FailureList, listed: list[api.Failure]) -> dict[str, Any]:
    """Attempts over time by cause: the five most frequent, and the rest."""
    most = sorted(listed, key=lambda one: -one.attempts)
    count = max((len(one.series) for one in most), default=0)
    series = [
        Series(f"{one.code} in {one.frame.rpartition('/')[2] or one.command}", [*map(float, one.series)], f"c{n}")
        for n, one in enumerate(most[:5])
    ]
    if most[5:]:
        rest = [float(sum(one.series[n] for one in most[5:])) for n in range(count)]
        series.append(Series("other", rest, "other"))
    step = timedelta(seconds=found.step_seconds)
    return {"starts": [found.since + step * n for n in range(count)], "step": step, "series": series}
