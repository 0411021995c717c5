"""Who comes in."""

from __future__ import annotations

import hmac
import inspect
import ipaddress
from collections.abc import Mapping

from starlette.requests import Request

from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.visitor import TRUSTED, Answer, Verb, Visitor

# Headers by which a proxy says that the peer is not who asks.
FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


async def visitor_of(request: Request, settings: AdminSettings) -> Visitor | None:
    """Who asks; None: nobody who may come in."""
    token = _bearer(request)
    if token is not None and settings.tokens:
        return with_token(token, settings.tokens)
    if settings.authorize is not None:
        answer = settings.authorize(request)
        return _visitor(request, await answer if inspect.isawaitable(answer) else answer)
    if not settings.tokens and is_local(request):
        return Visitor("local", TRUSTED | ({"explore"} if settings.explore else frozenset()))
    return None


def with_token(token: str, tokens: Mapping[str, frozenset[Verb]]) -> Visitor | None:
    """The visitor that a token makes; each is compared, in a time that tells nothing."""
    found: Visitor | None = None
    for position, (known, verbs) in enumerate(tokens.items()):
        if hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
            found = Visitor(f"token {position + 1}", verbs, bearer=True)
    return found


def is_local(request: Request) -> bool:
    """A peer on this machine that called the page by a name of this machine, with no proxy in between."""
    if request.client is None or not is_loopback(request.client.host):
        return False
    if any(name in request.headers for name in FORWARDING):
        return False
    return is_loopback(host_of(request))


def host_of(request: Request) -> str:
    """The name that the page was called by, without a port; empty if the Host header is none or several."""
    hosts = request.headers.getlist("host")
    if len(hosts) != 1:
        return ""
    host = hosts[0].lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own, reached by no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _visitor(request: Request, answer: Answer) -> Visitor | None:
    if answer is None or answer is False:
        return None
    if isinstance(answer, Visitor):
        return answer
    name = getattr(request.scope.get("user"), "display_name", "") or "visitor"
    return Visitor(str(name), TRUSTED if answer is True else frozenset(answer))
