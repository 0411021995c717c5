"""Bulk actions."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Bulk actions", "/bulk", key="b")


@PAGES.page()
async def bulk(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Bulk actions")
