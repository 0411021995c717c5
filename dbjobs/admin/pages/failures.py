"""Failures."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Failures", "/failures", key="f")


@PAGES.page()
async def failures(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Failures")
