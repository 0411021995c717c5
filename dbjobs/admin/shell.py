"""The frame around every page, and how pages are drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dbjobs.admin import charts, forgery, panel, wording
from dbjobs.admin.call import Call
from dbjobs.admin.page import Pages
from dbjobs.admin.paths import path_of, root_of
from dbjobs.admin.tokens import Keeper
from dbjobs.inspect.language import quoted

SAID = "dbjobs_said"
MOST_SAID_BYTES = 1_200
# A page sends this when it asks for itself again.
LIVE = "x-dbjobs-live"


@cache
def static_version(name: str) -> str:
    """A version that changes with the file."""
    return hashlib.sha256((files("dbjobs.admin") / "static" / name).read_bytes()).hexdigest()[:10]


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(msgspec.to_builtins(value, enc_hook=str), indent=2, ensure_ascii=False)


def compact(value: Any) -> str:
    """JSON as it is stored."""
    return json.dumps(msgspec.to_builtins(value, enc_hook=str), separators=(",", ":"), ensure_ascii=False)


class Shell:
    """Draws pages.

    Args:
        pages: all of them, in the order of the navigation.
    """

    def __init__(self, pages: tuple[Pages, ...], keeper: Keeper) -> None:
        self._pages = pages
        self._keeper = keeper
        self.templates = jinja2.Environment(
            loader=jinja2.PackageLoader("dbjobs.admin", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            enable_async=True,
        )
        self.templates.filters.update(
            json=pretty,
            number=wording.number,
            duration=wording.duration,
            when=wording.when,
            percent=wording.percent,
            bytes=wording.size,
            quoted=wording.quoted,
            digest=wording.digest,
        )
        self.templates.globals.update(charts=charts, quoted=quoted, compact=compact, pretty=pretty)

    def url(self, request: Request, path: str, query: Mapping[str, Any]) -> str:
        """See ``Call.url``."""
        given = [(name, str(value)) for name, value in query.items() if value is not None]
        return root_of(request) + quote(path.lstrip("/"), safe="/") + (f"?{urlencode(given)}" if given else "")

    def here(self, request: Request, changes: Mapping[str, Any]) -> str:
        """See ``Call.here``."""
        given = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] not in changes]
        given += [(name, str(value)) for name, value in changes.items() if value is not None]
        return f"?{urlencode(given)}"

    async def page(self, call: Call, template: str, context: Mapping[str, Any], status: int) -> Response:
        """See ``Call.render``."""
        response = HTMLResponse(status_code=status)
        token = await forgery.token(self._keeper, call.db, call.request, call.visitor, response)
        # A page that only refreshes itself leaves the message for the next page.
        said = None if LIVE in call.request.headers else call.request.cookies.get(SAID)
        if said is not None:
            response.delete_cookie(SAID, path="/")
        everything = {
            "title": "",
            "panel": await panel.panel(call) if "job" in call.request.query_params else None,
            **context,
            "call": call,
            "visitor": call.visitor,
            "settings": call.settings,
            "pages": [page for page in self._pages if page.label and call.visitor.may(page.verb)],
            "path": path_of(call.request),
            "root": root_of(call.request),
            "url": call.url,
            "here": call.here,
            "static": lambda name: f"{root_of(call.request)}static/{name}?v={static_version(name)}",
            "token": token,
            "token_field": Markup('<input type="hidden" name="token" value="{}">').format(token),
            "said": None if said is None else _said(said),
        }
        text = await self.templates.get_template(template).render_async(everything)
        response.body = text.encode()
        response.headers["content-length"] = str(len(response.body))
        return response

    async def failure(
        self,
        call: Call | None,
        request: Request,
        status: int,
        title: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        back: str | None = None,
    ) -> Response:
        """A page without navigation that says what went wrong; with a form for a token if ``back`` is given."""
        context: dict[str, Any] = {
            "title": title, "message": message, "status": status, "root": root_of(request), "back": back,
            "static": lambda name: f"{root_of(request)}static/{name}?v={static_version(name)}",
        }  # fmt: skip
        text = await self.templates.get_template("failure.html").render_async(context, call=call)
        return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def say(response: Response, message: str, *, failed: bool = False) -> None:
    """Make the next page report the result of an action.

    Browsers drop a cookie of 4,096 bytes, and escaping triples the length of the text.
    """
    short = message[:500].encode(errors="replace")[:MOST_SAID_BYTES].decode(errors="ignore")
    text = quote(("!" if failed else "+") + short)
    response.set_cookie(SAID, text, path="/", httponly=True, samesite="strict", max_age=60)


def _said(cookie: str) -> dict[str, Any]:
    from urllib.parse import unquote

    text = unquote(cookie)
    return {"failed": text.startswith("!"), "message": text[1:]}


def moment(value: datetime | None) -> str | None:
    """ISO 8601."""
    return None if value is None else value.isoformat()
