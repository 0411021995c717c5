"""Queues."""

from __future__ import annotations

from starlette.responses import Response

from dbjobs.admin.api import queues as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.inspect.language import quoted

PAGES = Pages("Queues", "/queues", key="q")


@PAGES.page()
async def queues(call: Call) -> Response:
    """All queues."""
    name = call.query("name")[:255]
    asked = api.AskQueues(after=call.query("after")[:255], name=name)
    return await call.render(
        "queues.html", title="Queues", listed=await api.list_queues(call, asked), name=name, term=term
    )


def term(key: str, value: str) -> str:
    """A term of the search language."""
    return f"{key}:{quoted(value)}"
