"""Bulk actions: a form, its preview, and the history."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from dbjobs.admin.api import bulk as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.errors import InvalidOption, UnknownJob

PAGES = Pages("Bulk", "/bulk", key="b")


@PAGES.page()
async def bulk(call: Call) -> Response:
    """The page. The form only makes a preview; a button below it starts the action."""
    preview, trouble = None, ""
    undo = _id(call.query("undo"))
    asked = call.query("q").strip()
    action = call.query("action", "cancel")
    if asked:
        try:
            given = msgspec.convert({"action": action, "q": asked, "seconds": _seconds(call)}, api.AskPreview)
            preview = await api.preview_bulk(call, given)
        except (InvalidOption, msgspec.ValidationError) as error:
            trouble = str(error)
    elif undo is not None:
        try:
            preview = await api.preview_undo(call, api.AskUndoPreview(id=undo, seconds=_seconds(call)))
        except (InvalidOption, UnknownJob) as error:
            trouble = str(error)
    page = api.AskList(before_id=_id(call.query("before")))
    return await call.render(
        "bulk.html",
        title="Bulk actions",
        preview=preview,
        trouble=trouble,
        asked=asked,
        action="requeue" if action == "requeue" else "cancel",
        name=call.query("name")[: api.LONGEST_NAME],  # a link builds it from a worker's name, so it may be longer
        rate=call.query("rate"),
        undo=undo,
        listed=await api.list_bulk(call, page),
    )


def _seconds(call: Call) -> float:
    return api.LONGEST_PREVIEW_SECONDS if call.query("count") == "longer" else api.PREVIEW_SECONDS


def _id(text: str) -> int | None:
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 19 else None
