"""Requests."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Requests", "/requests", key="r")


@PAGES.page()
async def requests(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Requests")
