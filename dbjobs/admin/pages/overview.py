"""Overview."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Overview", "/", key="o")


@PAGES.page()
async def overview(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Overview")
