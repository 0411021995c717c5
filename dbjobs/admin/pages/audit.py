"""Audit."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from dbjobs.admin.api import audit as api
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.errors import InvalidOption

PAGES = Pages("Audit", "/audit", key="a", verb="admin")
_FILTERS = ("actor", "action", "target", "outcome", "since", "until", "before_id")


@PAGES.page()
async def audit(call: Call) -> Response:
    """Who did what."""
    given = {name: call.query(name).strip() for name in _FILTERS}
    trouble = ""
    try:
        asked = msgspec.convert({name: text for name, text in given.items() if text}, api.AskAudit, strict=False)
        page = await api.list_audit(call, asked)
    except (InvalidOption, msgspec.ValidationError) as error:
        trouble, page = str(error), await api.list_audit(call, api.AskAudit())
    return await call.render(
        "audit.html",
        title="Audit",
        given=given,
        trouble=trouble,
        page=page,
        filtered=any(text for name, text in given.items() if name != "before_id"),
    )
