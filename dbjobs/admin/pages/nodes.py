"""Nodes."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Nodes", "/nodes", key="n")


@PAGES.page()
async def nodes(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Nodes")
