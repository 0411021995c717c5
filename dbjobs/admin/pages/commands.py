"""Commands."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Commands", "/commands", key="c")


@PAGES.page()
async def commands(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Commands")
