"""Bulk actions: a form, its preview, and the history."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from dbjobs.admin.api import bulk as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.errors import InvalidOption

PAGES = Pages("Bulk", "/bulk", key="b")


@PAGES.page()
async def bulk(call: Call) -> Response:
    """The page. What the form asks for is previewed; only a button below the preview starts it."""
    preview, trouble = None, ""
    asked = call.query("q").strip()
    action = call.query("action", "cancel")
    if asked:
        try:
            seconds = api.LONGEST_PREVIEW_SECONDS if call.query("count") == "longer" else api.PREVIEW_SECONDS
            given = msgspec.convert({"action": action, "q": asked, "seconds": seconds}, api.AskPreview)
            preview = await api.preview_bulk(call, given)
        except (InvalidOption, msgspec.ValidationError) as error:
            trouble = str(error)
    before = call.query("before")
    page = api.AskList(before_id=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None)
    return await call.render(
        "bulk.html",
        title="Bulk actions",
        preview=preview,
        trouble=trouble,
        asked=asked,
        action="requeue" if action == "requeue" else "cancel",
        name=call.query("name"),
        rate=call.query("rate"),
        listed=await api.list_bulk(call, page),
    )
