"""Parents and children: which of them to tell."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.records import Ready
from dbjobs.store.repository.rows import Fetcher


class Told(msgspec.Struct, frozen=True):
    """What a round over children has done.

    Attributes:
        changed: ids of children that were written.
        ready: those of them that may run now.
        doomed: children that must be cancelled, each with the parent whose end does not suit it.
    """

    changed: frozenset[int]
    ready: tuple[Ready, ...]
    doomed: dict[int, int]


async def find_dependency_work(db: Fetcher, limit: int) -> tuple[list[int], list[int]]:
    """Ended parents whose children must be told, and unresolved children; at most ``limit`` of each."""
    rows = await db.fetch("find_dependency_work", limit=limit)
    return [row[1] for row in rows if row[0] == "parent"], [row[1] for row in rows if row[0] == "child"]


async def resolve_children(db: Fetcher, ids: Sequence[int]) -> Told:
    """Register children with their parents, or find that these have ended. A transaction of its own."""
    return _told(await db.fetch("resolve_children", ids=ids))


async def release_children(db: Fetcher, parents: Sequence[int], limit: int) -> Told:
    """Tell children that their parents have ended, over at most ``limit`` edges. A transaction of its own."""
    return _told(await db.fetch("release_children", parents=parents, limit=limit))


def _told(rows: Sequence[Row]) -> Told:
    written = [row for row in rows if row[5] is None]
    return Told(
        frozenset(row[0] for row in written),
        tuple(Ready(row[2], row[3], row[4] is not None, True) for row in written if row[1] == "queued"),
        {row[0]: row[5] for row in rows if row[5] is not None},
    )
