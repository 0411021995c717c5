"""Who is let in.

These are tried in order: a token in the header, a session begun by the login form, ``authorize``, a read-only link,
and, if none of them is set up, a browser on this machine.
"""

from __future__ import annotations

import hmac
import inspect
import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request

from dbjobs.admin.sessions import Sessions
from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.visitor import ALL_VERBS, TRUSTED, Answer, Verb, Visitor
from dbjobs.errors import DbjobsError
from dbjobs.store.repository.rows import Fetcher
from dbjobs.text import printable

# A proxy sends one of these, or any x-forwarded-*: the peer is then not the one who asks.
FORWARDING = (
    "cf-connecting-ip",
    "client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-rewrite-url",
)
# Longest name of a visitor: it goes into the audit, and into the jobs they enqueue.
LONGEST_NAME = 200
_HOST = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\s\[\]:/?#@\\]+)(:[0-9]{1,5})?", re.IGNORECASE)
log = logging.getLogger("dbjobs.admin")


class AuthorizeFailed(DbjobsError):
    """The application's ``authorize`` raised, or returned something that is not an answer."""


async def visitor_of(
    request: Request, settings: AdminSettings, sessions: Sessions, db: Callable[[], Fetcher], path: str
) -> Visitor | None:
    """Who asks; None: nobody we let in.

    Args:
        db: the open database; its key seals the cookies.
        path: below our own root.

    Raises:
        AuthorizeFailed: ``authorize`` cannot say. NotRunning: the jobs are not open.
    """
    token = bearer_of(request)
    found: Visitor | None = None
    if settings.tokens:
        found = with_token(token, settings.tokens) if token is not None else await sessions.visitor(db(), request)
    if found is None and settings.authorize is not None:
        found = await _authorized(request, settings)
        if found is not None and token is not None:
            # No browser adds this header by itself, whatever site it shows: a program sent it.
            found = replace(found, bearer=True)
    if found is None and settings.authorize is None and not settings.tokens and is_local(request):
        found = Visitor("local", TRUSTED | ({"explore"} if settings.explore else frozenset()))
    return await sessions.by_link(db(), request, path) if found is None and request.cookies else found


async def _authorized(request: Request, settings: AdminSettings) -> Visitor | None:
    assert settings.authorize is not None
    try:
        answer = settings.authorize(request)
        return _visitor(request, await answer if inspect.isawaitable(answer) else answer)
    except HTTPException as error:
        if error.status_code in (401, 403):
            return None
        log.exception("authorize has failed")
        raise AuthorizeFailed("nobody can be let in: authorize has failed (the application's log says why)") from error
    except Exception as error:
        log.exception("authorize has failed")
        raise AuthorizeFailed("nobody can be let in: authorize has failed (the application's log says why)") from error


def with_token(token: str, tokens: Mapping[str, frozenset[Verb]]) -> Visitor | None:
    """The visitor of a token. Every token is compared, in constant time, so timing tells nothing."""
    found: Visitor | None = None
    for position, (known, verbs) in enumerate(tokens.items()):
        if hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
            found = Visitor(f"token {position + 1}", verbs, bearer=True)
    return found


def is_local(request: Request) -> bool:
    """Whether the peer is on this machine, called the page by a name of this machine, and used no proxy.

    We cannot tell a local proxy that adds no header from a browser, but most then speak HTTP/1.0 (nginx by default),
    and no browser does.
    """
    if request.client is None or not is_loopback(request.client.host):
        return False
    if any(name in FORWARDING or name.startswith("x-forwarded") for name in request.headers):
        return False
    if request.scope.get("http_version") in ("1.0", "0.9"):
        return False
    return is_loopback(host_of(request))


def host_of(request: Request) -> str:
    """The host the page was called by, without a port; empty if the Host header is missing, repeated or malformed."""
    hosts = request.headers.getlist("host")
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    return found["host"].strip("[]").lower() if found else ""


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bearer_of(request: Request) -> str | None:
    """The token of an ``Authorization: Bearer`` header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _visitor(request: Request, answer: Answer) -> Visitor | None:
    """The visitor for an answer of ``authorize``.

    Raises:
        TypeError: it is not an answer: a text, a user, an unknown verb. A mistake lets nobody in.
    """
    if answer is None or answer is False:
        return None
    if isinstance(answer, Visitor):
        if not isinstance(answer.name, str):
            raise TypeError(f"authorize has returned a Visitor whose name is {answer.name!r}: it must be a text")
        return replace(answer, name=printable(answer.name, LONGEST_NAME))
    name = printable(str(getattr(request.scope.get("user"), "display_name", "") or "visitor"), LONGEST_NAME)
    if answer is True:
        return Visitor(name, TRUSTED)
    if isinstance(answer, str | bytes | Mapping):
        raise TypeError(f"authorize has returned {answer!r}: it must be a Visitor, verbs, True, False or None")
    verbs = frozenset(answer)
    if not verbs <= ALL_VERBS:
        raise TypeError(f"authorize has returned {sorted(map(str, verbs))}: verbs are {', '.join(sorted(ALL_VERBS))}")
    return Visitor(name, verbs) if verbs else None
