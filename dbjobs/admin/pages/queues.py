"""Queues."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import queues as api
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages

PAGES = Pages("Queues", "/queues", key="q")


@PAGES.page()
async def queues(call: Call) -> Response:
    """All queues."""
    return await call.render("queues.html", title="Queues", listed=await api.list_queues(call, Nothing()))
