"""The audit: who did what, when, to what, and with what result."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.commands.options import MAX_ID
from dbjobs.errors import InvalidOption
from dbjobs.store import repository
from dbjobs.store.repository.admin import AuditEntry

OPERATIONS = Operations("audit")
# How many entries one statement reads, and how long one look lasts.
SLICE = 500
LOOK_SECONDS = 0.1
_NEWEST = 2**63 - 1

Text = Annotated[str, Meta(max_length=200)]
Moment = Annotated[str, Meta(max_length=40)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did something, or was refused.

    Attributes:
        id_text: its id as a string, for clients without 64-bit integers.
        actor: who, as the application names them.
        action: the operation's name.
        target: what it was done to, in words.
        outcome: done, refused or failed.
        details: what was asked for, and the result.
    """

    id: int
    id_text: str
    at: datetime
    actor: str
    action: str
    target: str
    outcome: str
    details: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Matching entries, newest first.

    Attributes:
        before_id: pass it to the next call to go on there; None: there is nothing further back.
        reached_at: how far back this look got; None: to the end.
    """

    entries: list[Entry]
    before_id: int | None
    reached_at: datetime | None


class AskAudit(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries.

    Attributes:
        actor, action, target: texts that these contain; case does not matter.
        outcome: done, refused or failed.
        since, until: times (ISO 8601) between which they were written; UTC if they name no zone.
        before_id: from the page before.
        limit: entries of a page.
    """

    actor: Text = ""
    action: Text = ""
    target: Text = ""
    outcome: Literal["done", "refused", "failed", ""] = ""
    since: Moment = ""
    until: Moment = ""
    before_id: Annotated[int, Meta(ge=1, le=MAX_ID)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


@OPERATIONS.get("/audit", verb="admin")
async def list_audit(call: Call, asked: AskAudit) -> AuditPage:
    """Matching entries, newest first. A look is bounded: it says how far back it got."""
    since, until = _moment("since", asked.since), _moment("until", asked.until)
    deadline = time.monotonic() + LOOK_SECONDS
    at = asked.before_id or _NEWEST
    found: list[Entry] = []
    reached: datetime | None = None
    while True:
        page = await repository.list_audit(call.db, at, SLICE)
        for entry in page:
            if since is not None and entry.at < since:
                return AuditPage(entries=found, before_id=None, reached_at=None)
            at, reached = entry.id, entry.at
            if _fits(entry, asked) and (until is None or entry.at <= until):
                found.append(_entry(entry))
                if len(found) == asked.limit:
                    return AuditPage(entries=found, before_id=at, reached_at=reached)
        if len(page) < SLICE:
            return AuditPage(entries=found, before_id=None, reached_at=None)
        if time.monotonic() > deadline:
            return AuditPage(entries=found, before_id=at, reached_at=reached)


def _fits(entry: AuditEntry, asked: AskAudit) -> bool:
    if asked.outcome and entry.outcome != asked.outcome:
        return False
    return all(
        wanted.lower() in text.lower()
        for wanted, text in ((asked.actor, entry.actor), (asked.action, entry.action), (asked.target, entry.target))
    )


def _entry(entry: AuditEntry) -> Entry:
    return Entry(
        id=entry.id, id_text=str(entry.id), at=entry.at, actor=entry.actor, action=entry.action, target=entry.target,
        outcome=entry.outcome, details=entry.details,
    )  # fmt: skip


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidOption(f"{name}={text!r} is not a time: write 2031-05-01T08:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
