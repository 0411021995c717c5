"""Cookies of visitors: a session that the login form began, and a read-only link that was followed.

Both are sealed with the key in the database, so every process knows them, and nothing is stored for them. A session
names its token by a signature: it ends when the token is taken out of the options.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.tokens import Keeper
from dbjobs.admin.visitor import Visitor
from dbjobs.errors import DbjobsError
from dbjobs.store.repository.rows import Fetcher

SESSION_SECONDS = 12 * 3600.0
# Wrong tokens of one peer in a minute, after which no token is looked at.
MOST_FAILURES = 10
FAILURE_SECONDS = 60.0
MOST_PEERS = 10_000
LINK = "link"


class TooMany(DbjobsError):
    """Too many wrong tokens."""


class Link(msgspec.Struct, frozen=True):
    """What a read-only link opens.

    Attributes:
        name: of the visitors who come by it, in the audit and on the page.
        path: of the one page; None: all of them.
        job: the one job whose panel it may open there.
    """

    name: str
    path: str | None = None
    job: str | None = None

    def opens(self, path: str, job: str | None) -> bool:
        """Whether a call of this path, with this job's panel, belongs to the link."""
        if self.path is None or path == "/live":
            return True
        return path == self.path and job in (None, self.job)


class Sessions:
    """Begins and ends them, and knows who comes by them."""

    def __init__(self, keeper: Keeper, settings: AdminSettings) -> None:
        self._keeper = keeper
        self._settings = settings
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    async def _cookie(self, db: Fetcher, kind: str) -> str:
        """Its name. Cookies know no ports: the pages of two databases on one host must not share one."""
        return f"dbjobs_{kind}_{(await self._keeper.sign(db, 'cookie', kind))[:8].replace('-', 'x')}"

    async def visitor(self, db: Fetcher, request: Request) -> Visitor | None:
        """Who has begun a session in this browser."""
        sealed = request.cookies.get(await self._cookie(db, "session"))
        signature = await self._keeper.unseal(db, "session", sealed) if sealed else None
        found: Visitor | None = None
        if signature is not None:
            for position, (token, verbs) in enumerate(self._settings.tokens.items()):
                if hmac.compare_digest(await self._keeper.sign(db, "token", token), signature):
                    found = Visitor(f"token {position + 1}", verbs, session=True)
        return found

    async def begin(self, db: Fetcher, request: Request, response: Response, token: str) -> bool:
        """Begin a session if the token is one.

        Raises:
            TooMany: this peer has tried too often.
        """
        peer = request.client.host if request.client else ""
        now = time.monotonic()
        failures = [at for at in self._failures.pop(peer, []) if now - at < FAILURE_SECONDS]
        if len(failures) >= MOST_FAILURES:
            self._failures[peer] = failures
            raise TooMany(f"{MOST_FAILURES} wrong tokens in a minute: wait for one")
        known = False
        for one in self._settings.tokens:
            known |= hmac.compare_digest(one.encode(), token.encode("utf-8", "replace"))
        if not known:
            self._failures[peer] = [*failures, now]
            while len(self._failures) > MOST_PEERS:
                self._failures.popitem(last=False)
            return False
        sealed = await self._keeper.seal(db, "session", await self._keeper.sign(db, "token", token), SESSION_SECONDS)
        response.set_cookie(
            await self._cookie(db, "session"), sealed, path="/", max_age=int(SESSION_SECONDS), httponly=True,
            samesite="strict", secure=is_https(request),
        )  # fmt: skip
        return True

    async def end(self, db: Fetcher, response: Response) -> None:
        """End what this browser has begun."""
        response.delete_cookie(await self._cookie(db, "session"), path="/")
        response.delete_cookie(await self._cookie(db, LINK), path="/")

    async def seal_link(self, db: Fetcher, link: Link, seconds: float) -> str:
        """What stands after ``?link=``."""
        return await self._keeper.seal(db, LINK, msgspec.json.encode(link).decode(), seconds)

    async def followed(self, db: Fetcher, request: Request) -> tuple[Link, str] | None:
        """The link that this request follows for the first time, and its seal."""
        sealed = request.query_params.get(LINK)
        text = await self._keeper.unseal(db, LINK, sealed) if sealed else None
        return None if text is None or sealed is None else (msgspec.json.decode(text, type=Link), sealed)

    async def keep_link(self, db: Fetcher, request: Request, response: Response, sealed: str) -> None:
        """Remember a link that was followed. Lax: it was followed from another site, and opens nothing but views."""
        response.set_cookie(
            await self._cookie(db, LINK), sealed, path="/", httponly=True, samesite="lax", secure=is_https(request)
        )

    async def by_link(self, db: Fetcher, request: Request, path: str) -> Visitor | None:
        """Who came by a link that opens this page."""
        sealed = request.cookies.get(await self._cookie(db, LINK))
        text = await self._keeper.unseal(db, LINK, sealed) if sealed else None
        if text is None:
            return None
        link = msgspec.json.decode(text, type=Link)
        jobs = request.query_params.getlist("job")
        if (path != "/live" and len(jobs) > 1) or not link.opens(path, jobs[0] if jobs else None):
            return None
        return Visitor(f"link {link.name}".strip(), frozenset({"view"}), link=True)


def is_https(request: Request) -> bool:
    """Whether the browser came by TLS, as far as the server or its proxy tells."""
    return request.url.scheme == "https" or "https" in request.headers.get("x-forwarded-proto", "").lower()
