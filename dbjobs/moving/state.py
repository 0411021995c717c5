"""What both sides know about a transfer: in tables of their own, so no crash loses it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from dbjobs.errors import TransferRefused
from dbjobs.store.database import Database, Session
from dbjobs.store.repository import moving
from dbjobs.store.repository.moving import Key
from dbjobs.store.transactions.migrate import MOVED

_MOMENT = "moment"


class Place(msgspec.Struct, frozen=True):
    """How far a transfer is; written in each page's transaction.

    Attributes:
        done: copied sections, with their row counts.
        section: the one being copied.
        after: the key of its last copied row.
        rows: how many of its rows are copied.
    """

    done: dict[str, int] = {}
    section: str = ""
    after: list[Any] = []
    rows: int = 0

    def at(self, section: str, after: Key, rows: int) -> Place:
        """The same, further on in a section."""
        values = [{_MOMENT: value.isoformat()} if isinstance(value, datetime) else value for value in after]
        return Place(self.done, section, values, rows)

    def behind(self, section: str, rows: int) -> Place:
        """The same with a section done."""
        return Place({**self.done, section: rows})

    def key(self) -> Key:
        """The key of the last row."""
        return tuple(datetime.fromisoformat(v[_MOMENT]) if isinstance(v, dict) else v for v in self.after)

    @property
    def text(self) -> str:
        """The stored form."""
        return msgspec.json.encode(self, order="sorted").decode()


def place_of(known: dict[str, str]) -> Place:
    """How far the transfer is, according to the target."""
    return msgspec.json.decode(known["place"], type=Place)


async def mark(db: Database, role: str, id: str, other: str, without: Sequence[str]) -> None:
    """Keep nodes and clients away from the tables, and note why.

    Args:
        role: of these tables: ``"source"`` or ``"target"``.
        id: of the transfer.
        other: the other database, for people.
    """
    async with db.transaction() as session:
        await session.script("make_transfer")
    async with db.transaction() as session:
        await session.fetch("lock_schema")
        if await moving.find_transfer(session):
            raise TransferRefused("another process has begun a transfer of these jobs at this moment; let it end")
        await session.fetch("record_version", version=MOVED)
        notes = {"id": id, "role": role, "other": other, "without": ",".join(without)}
        if role == "target":
            notes["place"] = Place().text
        for name, value in notes.items():
            await moving.write_transfer(session, name, value)


async def unmark(db: Database) -> None:
    """Let nodes and clients in again, and forget the transfer."""
    await db.fetch("remove_version", version=MOVED)
    async with db.transaction() as session:
        await session.script("drop_transfer")


async def version_of(db: Database | Session) -> int:
    """The version of the tables without the mark."""
    return await moving.unmarked_version(db, MOVED)
