"""Schedules."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Schedules", "/schedules", key="s")


@PAGES.page()
async def schedules(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Schedules")
