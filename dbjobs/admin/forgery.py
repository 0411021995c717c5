"""Whether our own page asked for a change, and not another one in the same browser."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from dbjobs.admin.call import Refused
from dbjobs.admin.sessions import is_https
from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.tokens import Keeper
from dbjobs.admin.visitor import Visitor
from dbjobs.store.repository.rows import Fetcher

# Names a browser, so one browser's token does not fit another.
COOKIE = "dbjobs_browser"
HEADER = "x-dbjobs-token"
FIELD = "token"


def check_origin(request: Request, settings: AdminSettings) -> None:
    """Refuse a request if the browser says it comes from another site. Programs send neither header.

    Raises:
        Refused.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() in settings.origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # The browser itself compares, whatever name a proxy put into Host.
        if site in ("same-origin", "none"):
            return
        raise Refused("this was asked for by a page of another site")
    if origin is not None and not _is_own(origin.lower(), request.headers.get("host", "").lower()):
        raise Refused("this was asked for by a page of another site")


def _is_own(origin: str, host: str) -> bool:
    """Whether an origin is the page's own, by host and port. ``null`` is nobody's."""
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and place != "" and place == host


async def token(keeper: Keeper, db: Fetcher, request: Request, visitor: Visitor, response: Response) -> str:
    """The token for this browser and visitor; gives the browser its name if it has none."""
    browser = request.cookies.get(COOKIE, "")
    if not browser:
        browser = secrets.token_urlsafe(16)
        # Lax: browsers do not send a strict cookie with a link from another site. Each such link would give the
        # browser a new name and break the tokens of its other tabs. Following one changes nothing.
        response.set_cookie(COOKIE, browser, path="/", httponly=True, samesite="lax", secure=is_https(request))
    return await keeper.sign(db, "change", f"{browser}\x00{visitor.name}")


async def check_token(keeper: Keeper, db: Fetcher, request: Request, visitor: Visitor, given: str) -> None:
    """Refuse a change without its browser's token. A bearer token is enough by itself: no browser adds one.

    Raises:
        Refused.
    """
    if visitor.bearer:
        return
    browser = request.cookies.get(COOKIE, "")
    if not browser or not await keeper.fits(db, "change", f"{browser}\x00{visitor.name}", given):
        raise Refused("the page is too old to change anything: load it again")
