"""Visitors' cookies: a session begun by the login form, a link that was followed, a known browser.

The key in the database seals them all, so every process knows them. Only the early end of a session is stored.
A session names its token by a signature: it ends when you take the token out of the options.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dbjobs.admin.ended import Ended
from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.throttle import Throttle
from dbjobs.admin.tokens import Keeper
from dbjobs.admin.visitor import Visitor
from dbjobs.store.repository.rows import Fetcher

SESSION_SECONDS = 12 * 3600.0
# We know a browser for this long after it logged in, and count it by itself (``Throttle``).
KNOWN_SECONDS = 90 * 86400.0
LINK = "link"


class Link(msgspec.Struct, frozen=True):
    """What a read-only link opens.

    Attributes:
        name: of its visitors, in the audit and on the page.
        path: of the one page; None: all of them.
        job: the one job that it may open there, in a panel or on the job's own page.
        request: the one request of the log that it may open there, in a panel.
    """

    name: str
    path: str | None = None
    job: str | None = None
    request: str | None = None

    def opens(self, path: str, query: Sequence[tuple[str, str]]) -> bool:
        """Whether the link covers a call of this path with this query."""
        if self.path is None or path == "/live":
            return True
        asked = opened(path, query)
        return path == self.path and asked["job"] <= {self.job} and asked["request"] <= {self.request}


def opened(path: str, query: Iterable[tuple[str, str]]) -> dict[str, set[str | None]]:
    """The jobs and requests that a URL opens on its page."""
    found: dict[str, set[str | None]] = {"job": set(), "request": set()}
    for name, value in query:
        if name in found:
            found[name].add(value)
        elif name == "id" and path == "/job":
            found["job"].add(value)
    return found


class Sessions:
    """Begins and ends sessions, and knows their visitors."""

    def __init__(self, keeper: Keeper, settings: AdminSettings) -> None:
        self._keeper = keeper
        self._settings = settings
        self._ended = Ended(SESSION_SECONDS)
        self._throttle = Throttle()

    async def _cookie(self, db: Fetcher, kind: str) -> str:
        """The cookie's name. Cookies ignore ports: the pages of two databases on one host must not share one."""
        return f"dbjobs_{kind}_{(await self._keeper.sign(db, 'cookie', kind))[:8].replace('-', 'x')}"

    async def visitor(self, db: Fetcher, request: Request) -> Visitor | None:
        """The visitor whose session this browser has."""
        sealed = request.cookies.get(await self._cookie(db, "session"))
        text = await self._keeper.unseal(db, "session", sealed) if sealed else None
        found = None if text is None else await self._of_token(db, text.partition(".")[0])
        if found is None or sealed is None or await self._ended.knows(db, sealed):
            return None
        return found

    async def _of_token(self, db: Fetcher, signature: str) -> Visitor | None:
        """The visitor whose token has this signature, if the token is still valid."""
        found: Visitor | None = None
        for position, (token, verbs) in enumerate(self._settings.tokens.items()):
            if hmac.compare_digest(await self._keeper.sign(db, "token", token), signature):
                found = Visitor(f"token {position + 1}", verbs, session=True)
        return found

    async def _known(self, db: Fetcher, request: Request) -> str | None:
        """The name of this browser, if somebody logged in with it and their token is still valid."""
        sealed = request.cookies.get(await self._cookie(db, "known"))
        text = await self._keeper.unseal(db, "known", sealed) if sealed else None
        if text is None or await self._of_token(db, text.partition(".")[0]) is None:
            return None
        return text

    async def begin(self, db: Fetcher, request: Request, response: Response, token: str) -> bool:
        """Begin a session if the token is valid.

        Raises:
            TooMany: there were too many wrong ones.
        """
        peer = request.client.host if request.client else ""
        browser = await self._known(db, request)
        self._throttle.check(peer, token, browser)
        known = False
        for one in self._settings.tokens:
            known |= hmac.compare_digest(one.encode(), token.encode("utf-8", "replace"))
        if not known:
            self._throttle.count(peer, token, browser)
            return False
        # Random, so no two sessions have the same cookie: each can be ended by itself.
        named = f"{await self._keeper.sign(db, 'token', token)}.{secrets.token_hex(8)}"
        for kind, seconds in (("session", SESSION_SECONDS), ("known", KNOWN_SECONDS)):
            response.set_cookie(
                await self._cookie(db, kind), await self._keeper.seal(db, kind, named, seconds), path="/",
                max_age=int(seconds), httponly=True, samesite="strict", secure=is_https(request),
            )  # fmt: skip
        return True

    async def end(self, db: Fetcher, request: Request, response: Response) -> None:
        """End this browser's session, also for a copy of its cookie."""
        cookie = await self._cookie(db, "session")
        sealed = request.cookies.get(cookie)
        if sealed and await self._keeper.unseal(db, "session", sealed) is not None:
            await self._ended.add(db, sealed)
        response.delete_cookie(cookie, path="/")
        response.delete_cookie(await self._cookie(db, LINK), path="/")

    async def seal_link(self, db: Fetcher, link: Link, seconds: float) -> str:
        """The text after ``?link=``."""
        return await self._keeper.seal(db, LINK, msgspec.json.encode(link).decode(), seconds)

    async def followed(self, db: Fetcher, request: Request) -> tuple[Link, str] | None:
        """The link that this request follows for the first time, and its seal."""
        sealed = request.query_params.get(LINK)
        text = await self._keeper.unseal(db, LINK, sealed) if sealed else None
        return None if text is None or sealed is None else (msgspec.json.decode(text, type=Link), sealed)

    async def keep_link(self, db: Fetcher, request: Request, response: Response, sealed: str) -> None:
        """Remember a followed link. Lax: visitors come from another site, and it only opens views."""
        response.set_cookie(
            await self._cookie(db, LINK), sealed, path="/", httponly=True, samesite="lax", secure=is_https(request)
        )

    async def by_link(self, db: Fetcher, request: Request, path: str) -> Visitor | None:
        """The visitor who came by a link that opens this page."""
        sealed = request.cookies.get(await self._cookie(db, LINK))
        text = await self._keeper.unseal(db, LINK, sealed) if sealed else None
        if text is None:
            return None
        link = msgspec.json.decode(text, type=Link)
        if not link.opens(path, request.query_params.multi_items()):
            return None
        return Visitor(f"link {link.name}".strip(), frozenset({"view"}), link=True)


def is_https(request: Request) -> bool:
    """Whether the browser used TLS, as far as the server or its proxy tells us."""
    return request.url.scheme == "https" or "https" in request.headers.get("x-forwarded-proto", "").lower()
