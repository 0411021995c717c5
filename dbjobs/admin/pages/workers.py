"""Workers."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import workers as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.admin.pages.queues import term

PAGES = Pages("Workers", "/workers", key="w")


@PAGES.page()
async def workers(call: Call) -> Response:
    """All named workers."""
    name = call.query("name")[:255]
    asked = api.AskLanes(after=call.query("after")[:255], name=name)
    return await call.render(
        "workers.html", title="Workers", listed=await api.list_workers(call, asked), name=name, term=term
    )
