"""Nodes."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import nodes as api
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages

PAGES = Pages("Nodes", "/nodes", key="n")


@PAGES.page()
async def nodes(call: Call) -> Response:
    """All nodes."""
    return await call.render("nodes.html", title="Nodes", listed=await api.list_nodes(call, Nothing()))
