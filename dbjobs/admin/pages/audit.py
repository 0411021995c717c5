"""Audit."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Audit", "/audit", key="a", verb="admin")


@PAGES.page()
async def audit(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Audit")
