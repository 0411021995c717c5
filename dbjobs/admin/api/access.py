"""Access: who you are here, links for others, and redacted values."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from dbjobs.admin.call import Call, NotFound
from dbjobs.admin.operations import Nothing, Operations
from dbjobs.admin.sessions import LINK, Link, Sessions, opened
from dbjobs.admin.tokens import Keeper

OPERATIONS = Operations("access")
MOST_HOURS = 24 * 90
# What a job stores for its handler, under the names passed to `redact`.
REDACTABLE = ("request", "response", "args", "meta")


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """The visitor who asks.

    Attributes:
        name: as the audit names them.
        verbs: what they may do: view, act, admin, explore, reveal.
    """

    name: str
    verbs: list[str]


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made.

    Attributes:
        path: the one page it opens, such as ``/jobs?q=state:failed``; empty: all of them.
        hours: until it expires.
        name: of its visitors, in the audit.
    """

    path: str = ""
    hours: float = 24.0
    name: str = ""


class MadeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that lets anyone who has it look at pages.

    Attributes:
        url: relative to the root of the page.
        hours: until it expires.
    """

    template: ClassVar[str] = "link.html"
    url: str
    hours: float


class WhatToReveal(msgspec.Struct, frozen=True, kw_only=True):
    """A redacted value.

    Attributes:
        id: of the job.
        name: the value's path, as ``redact`` gets it: ``request.card.number``.
    """

    id: int
    name: str


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """A value as stored."""

    template: ClassVar[str] = "revealed.html"
    id: int
    id_text: str
    name: str
    value: Any


@OPERATIONS.get("/whoami")
async def who_am_i(call: Call, asked: Nothing) -> WhoAmI:
    """Who asks, and what they may do here."""
    return WhoAmI(name=call.visitor.name, verbs=sorted(call.visitor.verbs))


@OPERATIONS.post("/links", verb="admin")
async def make_link(call: Call, asked: NewLink) -> MadeLink:
    """Make a link that shows one page, or all of them, until it expires.

    It is sealed, not stored: you cannot revoke it early.
    """
    if not 0 < asked.hours <= MOST_HOURS:
        raise msgspec.ValidationError(f"hours={asked.hours:g} must be more than 0 and at most {MOST_HOURS}")
    if len(asked.name) > 100 or not asked.name.replace(" ", "x").isprintable():
        raise msgspec.ValidationError("name must be at most 100 printable characters")
    path, _, query = asked.path.partition("?")
    if asked.path and (not path.startswith("/") or path.startswith("//") or "\\" in path or len(asked.path) > 2000):
        raise msgspec.ValidationError(f"path={asked.path[:100]!r} must begin with one slash, as /jobs?q=state:failed")
    pairs = parse_qsl(query)
    asked_for = opened(path, pairs)
    if any(len(several) > 1 for several in asked_for.values()):
        raise msgspec.ValidationError(f"path={asked.path[:100]!r} names more than one job or request")
    call.target = f"link to {asked.path or 'every page'}"
    job, request = (next(iter(asked_for[name]), None) for name in ("job", "request"))
    link = Link(asked.name, path or None, job, request)
    seal = await Sessions(Keeper(), call.settings).seal_link(call.db, link, asked.hours * 3600)
    rest = [pair for pair in pairs if pair[0] != LINK]
    return MadeLink(url=f"{quote(path.lstrip('/'))}?{urlencode([*rest, (LINK, seal)])}", hours=asked.hours)


@OPERATIONS.post("/jobs/{id}/reveal", verb="reveal")
async def reveal(call: Call, asked: WhatToReveal) -> Revealed:
    """Show one redacted value of a job. The audit records who looked at which value."""
    call.target = f"job {asked.id}: {asked.name}"
    job = await call.jobs.get(asked.id)
    if job is None:
        raise NotFound(f"there is no job {asked.id}")
    place, _, rest = asked.name.partition(".")
    if place not in REDACTABLE:
        raise NotFound(f"job {asked.id} has no value {asked.name[:200]!r}: it begins with {', '.join(REDACTABLE)}")
    found, value = _find(msgspec.to_builtins(getattr(job, place), enc_hook=str), rest)
    if not found:
        raise NotFound(f"job {asked.id} has no value {asked.name[:200]!r}")
    return Revealed(id=asked.id, id_text=str(asked.id), name=asked.name, value=value)


def _find(value: Any, path: str) -> tuple[bool, Any]:
    """The value at a path of keys and positions; keys may contain dots."""
    if not path:
        return True, value
    if isinstance(value, dict):
        inside = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inside = [(str(position), item) for position, item in enumerate(value)]
    else:
        return False, None
    for key, item in inside:
        if path == key or path.startswith(f"{key}."):
            found, there = _find(item, path[len(key) + 1 :])
            if found:
                return True, there
    return False, None
