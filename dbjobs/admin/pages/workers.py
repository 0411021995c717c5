"""Workers."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Workers", "/workers", key="w")


@PAGES.page()
async def workers(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Workers")
