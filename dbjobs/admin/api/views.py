"""Saved views of the jobs page: a name for a search with its columns, order and page size.

Each is a setting: ``view:shared:<digest of its name>``, or ``view:<digest of the visitor's>:<digest of its name>``.
"""

from __future__ import annotations

import hashlib
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call, NotFound, Refused
from dbjobs.admin.operations import Done, Nothing, Operations
from dbjobs.errors import InvalidOption
from dbjobs.store import repository

OPERATIONS = Operations("saved views")
# Most views of one visitor, and most shared ones.
MOST = 50
_SHARED = "shared"

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class AskSave(msgspec.Struct, frozen=True, kw_only=True):
    """A view of the jobs page.

    Attributes:
        name: its name; it replaces a view of this name.
        shared: every visitor sees it.
        q, state, month, sort: as in the search for jobs.
        cols: names of the columns, separated by commas.
        size: jobs per page.
    """

    name: Name
    shared: bool = False
    q: Annotated[str, Meta(max_length=2_000)] = ""
    state: Annotated[str, Meta(max_length=20)] = ""
    month: Annotated[str, Meta(max_length=10)] = ""
    sort: Annotated[str, Meta(max_length=200)] = ""
    cols: Annotated[str, Meta(max_length=500)] = ""
    size: Annotated[int, Meta(ge=1, le=1000)] = 50


class OneView(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a view."""

    name: Name
    shared: bool = False


class View(AskSave, frozen=True, kw_only=True):
    """A saved view.

    Attributes:
        by: who saved it.
        query: the query string after ``jobs?`` that shows it.
        mine: the visitor may replace and remove it.
    """

    by: str
    query: str
    mine: bool


class ViewList(msgspec.Struct, frozen=True, kw_only=True):
    """The visitor's own views, and the shared ones, each by name."""

    own: list[View]
    shared: list[View]


class _Kept(AskSave, frozen=True, kw_only=True):
    by: str


@OPERATIONS.get("/views")
async def list_views(call: Call, asked: Nothing) -> ViewList:
    """Saved views of the jobs page."""
    return ViewList(own=await _list(call, _own(call)), shared=await _list(call, _SHARED))


@OPERATIONS.post("/views/save")
async def save_view(call: Call, asked: AskSave) -> Done:
    """Save a view of the jobs page, or replace it."""
    call.target = f"view {asked.name}"
    owner = _SHARED if asked.shared else _own(call)
    there = await _list(call, owner)
    for view in there:
        _check(view, asked.name)
    if len(there) >= MOST and all(view.name != asked.name for view in there):
        raise InvalidOption(
            f"there are {MOST} {'shared views' if asked.shared else 'views of yours'}: remove one first"
        )
    kept = _Kept(**msgspec.structs.asdict(asked), by=call.visitor.name)
    await repository.put_setting(call.db, _key(owner, asked.name), msgspec.json.encode(kept).decode())
    return Done(message=f"the view {asked.name} is saved")


@OPERATIONS.post("/views/remove")
async def remove_view(call: Call, asked: OneView) -> Done:
    """Remove a saved view: one's own; a shared one only if you saved it, or with the verb admin."""
    call.target = f"view {asked.name}"
    owner = _SHARED if asked.shared else _own(call)
    there = await _list(call, owner)
    if all(view.name != asked.name for view in there):
        raise NotFound(f"there is no view {asked.name!r}")
    for view in there:
        _check(view, asked.name)
    key = _key(owner, asked.name)
    await repository.drop_settings(call.db, key, f"{key}!", 0.0)
    return Done(message=f"the view {asked.name} is removed")


def _check(view: View, name: str) -> None:
    if view.name == name and not view.mine:
        raise Refused(f"the view {name!r} is {view.by}'s: give yours another name")


async def _list(call: Call, owner: str) -> list[View]:
    rows = await repository.list_settings(call.db, f"view:{owner}:", f"view:{owner};", MOST)
    kept = sorted((msgspec.json.decode(value, type=_Kept) for _, value in rows.items()), key=lambda one: one.name)
    return [
        View(
            **msgspec.structs.asdict(one), query=query_of(one),
            mine=owner != _SHARED or one.by == call.visitor.name or call.visitor.may("admin"),
        )
        for one in kept
    ]  # fmt: skip


def query_of(view: AskSave) -> str:
    """A view as a query string. It is complete, so that no earlier choice shows through."""
    more = {"state": view.state, "month": view.month}
    return urlencode(
        {"q": view.q, **{name: value for name, value in more.items() if value}, "sort": view.sort, "cols": view.cols}
        | {"size": str(view.size)}
    )


def _own(call: Call) -> str:
    return _digest(call.visitor.name)


def _key(owner: str, name: str) -> str:
    return f"view:{owner}:{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
