"""What the admin page keeps: settings by name, and who did what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dbjobs.store.repository.rows import Fetcher, moment_of


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did something, or was refused.

    Attributes:
        actor: who, as the host application names them.
        action: which operation of the API.
        target: on what, in words: ``job 17``, ``queue mail``.
        outcome: done, refused or failed.
        details: what was asked for, and what came of it.
    """

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    outcome: str
    details: dict[str, Any]


async def get_setting(db: Fetcher, name: str) -> str | None:
    """A setting's value; None if there is none."""
    rows = await db.fetch("get_setting", name=name)
    return str(rows[0][0]) if rows else None


async def keep_setting(db: Fetcher, name: str, value: str) -> str:
    """The setting's value: the one that is there, or this one if there was none."""
    there = await get_setting(db, name)
    if there is None:
        await db.fetch("keep_setting", name=name, value=value)
        there = await get_setting(db, name)
    return value if there is None else there


async def put_setting(db: Fetcher, name: str, value: str) -> None:
    """Set a setting, new or not."""
    await db.fetch("put_setting", name=name, value=value)


async def list_settings(db: Fetcher, first: str, last: str, limit: int) -> dict[str, str]:
    """Settings with names from ``first`` to before ``last``, at most ``limit``, by name."""
    rows = await db.fetch("list_settings", first=first, last=last, limit=limit)
    return {str(row[0]): str(row[1]) for row in rows}


async def drop_settings(db: Fetcher, first: str, last: str, seconds: float) -> None:
    """Forget settings with names from ``first`` to before ``last`` that have stood unchanged for this long."""
    await db.fetch("drop_settings", first=first, last=last, seconds=seconds)


async def drop_audit(db: Fetcher, seconds: float) -> None:
    """Forget entries that are older than this, some at a time."""
    await db.fetch("drop_audit", seconds=seconds)


async def insert_audit(
    db: Fetcher, *, actor: str, action: str, target: str, outcome: str, details: Mapping[str, Any]
) -> None:
    """Write down who did what."""
    text = msgspec.json.encode(details, enc_hook=str).decode()
    await db.fetch("insert_audit", actor=actor, action=action, target=target, outcome=outcome, details=text)


async def list_audit(db: Fetcher, before_id: int, limit: int) -> list[AuditEntry]:
    """Entries before an id, the newest first."""
    return [
        AuditEntry(
            id=row["id"],
            at=moment_of(row["at"]),
            actor=row["actor"],
            action=row["action"],
            target=row["target"],
            outcome=row["outcome"],
            details=msgspec.json.decode(row["details"]),
        )
        for row in await db.fetch("list_audit", before_id=before_id, limit=limit)
    ]
