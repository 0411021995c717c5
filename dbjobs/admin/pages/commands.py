"""Commands."""

from __future__ import annotations

from typing import Any, get_args

from starlette.responses import Response

from dbjobs.admin import periods, sorting
from dbjobs.admin.api import commands as api
from dbjobs.admin.api.command_rows import CommandRow
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.admin.pages.overview import charts_of
from dbjobs.errors import InvalidOption

PAGES = Pages("Commands", "/commands", key="c")
TABS = (("summary", "Summary"), ("latest", "Latest"), ("errors", "Errors"))


@PAGES.page()
async def commands(call: Call) -> Response:
    """A summary, the latest jobs, or the latest errors; one command in full if the URL names it."""
    tab = call.query("tab") or TABS[0][0]
    kind: Any = call.query("type") or "all"
    if tab not in dict(TABS) or kind not in get_args(api.Kind):
        raise InvalidOption(f"there is no tab {tab!r} of {kind!r}")
    asked = api.CommandsAsked(
        period=call.query("period") or ("range" if call.query("since") else "7d"), since=call.query("since"),
        until=call.query("until"), type=kind, q=call.query("q"),
    )  # fmt: skip
    order = sorting.chosen(call, CommandRow, "-total")
    shown: dict[str, Any] = {"listed": [], "latest": None, "one": None, "drawn": None}
    if name := call.query("name"):
        one = await api.get_command(
            call, api.OneCommand(name=name, period=asked.period, since=asked.since, until=asked.until)
        )
        shown |= {"one": one, "drawn": charts_of(call, one.buckets, None, one.step_seconds)}
    if tab == "summary":
        shown["listed"] = order.sorted((await api.list_commands(call, asked)).commands)
    else:
        shown["latest"] = await api.latest_commands(call, api.LatestAsked(type=kind, failed=tab == "errors", limit=100))
    return await call.render(
        "commands.html",
        title="Commands",
        tabs=TABS,
        tab=tab,
        asked=asked,
        order=order,
        periods=periods.PERIODS,
        most=max((row.total for row in shown["listed"]), default=0),
        **shown,
    )
