"""Access: who you are here, and links for others."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import access as api
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages

PAGES = Pages("Access", "/access", verb="admin")


@PAGES.page()
async def access(call: Call) -> Response:
    """Who you are, and a form for links."""
    return await call.render("access.html", title="Access", me=await api.who_am_i(call, Nothing()))
