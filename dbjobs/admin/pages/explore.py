"""Explore: commands that visitors may run from a form."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import explore as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Explore", "/explore", key="x", verb="explore")


@PAGES.page()
async def explore(call: Call) -> Response:
    """The commands, and the form of one."""
    name = call.query("command")
    page: Response = await api.show(call, name, api.AskExplore(command=name or "-"), {}, None)
    return page
