"""Schedules: the tasks, what runs when today, an expression tester; and one task."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from dbjobs.admin.api import schedules as api
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages
from dbjobs.errors import DbjobsError

PAGES = Pages("Schedules", "/schedules", key="s")


@PAGES.page()
async def schedules(call: Call) -> Response:
    """All tasks; the tester, if an expression was given."""
    expression, zone = call.query("expression").strip(), call.query("zone", "UTC").strip()
    tried, trouble = None, ""
    if expression:
        try:
            given = msgspec.convert({"expression": expression, "zone": zone or "UTC"}, api.Expression)
            tried = await api.try_schedule(call, given)
        except (DbjobsError, msgspec.ValidationError) as error:
            trouble = str(error)
    return await call.render(
        "schedules.html",
        title="Schedules",
        listed=await api.list_schedules(call, api.AskPage(after=call.query("after")[:200])),
        day=await api.day_of_schedules(call, Nothing()),
        expression=expression,
        zone=zone,
        tried=tried,
        trouble=trouble,
    )


@PAGES.page("/schedules/task")
async def schedule(call: Call) -> Response:
    """One task; all of them if none is named."""
    name = call.query("name")
    if not name:
        return await schedules(call)
    detail = await api.get_schedule(call, api.OneTask(task=name))
    return await call.render("schedule.html", title=name, detail=detail, task=detail.task)
