"""Jobs."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages

PAGES = Pages("Jobs", "/jobs", key="j")


@PAGES.page()
async def jobs(call: Call) -> Response:
    """The page."""
    return await call.render("empty.html", title="Jobs")
