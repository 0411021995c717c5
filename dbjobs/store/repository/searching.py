"""Slices of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbjobs.models import JobSummary
from dbjobs.store.repository.reading import summary_of
from dbjobs.store.repository.rows import Fetcher

# Columns whose one value a slice's statement compares itself, and parts of texts that it looks for.
PUSHED = ("queue", "worker", "command", "user_id", "error_code", "created_by", "parent_id")
_HAS = ("error_has", "request_has", "response_has", "args_has", "meta_has")


@dataclass(frozen=True)
class Slice:
    """What a slice's statement is asked.

    Attributes:
        live, completed, failed: the tables to look into.
        state: the only state that fits, if there is only one.
        exact: of ``PUSHED``, those with one value.
        has: parts of texts, in lower case.
    """

    live: bool
    completed: bool
    failed: bool
    state: str | None
    exact: Mapping[str, Any]
    has: Mapping[str, str | None]


async def find_jobs(db: Fetcher, asked: Slice, *, from_id: int, before_id: int, most: int) -> list[JobSummary]:
    """Jobs with ids in [from_id, before_id) that may fit, newest first, at most ``most``."""
    rows = await db.fetch(
        "find_jobs", from_id=from_id, before_id=before_id, most=most, live=asked.live, completed=asked.completed,
        failed=asked.failed, state=asked.state, **{column: asked.exact.get(column) for column in PUSHED},
        **{part: asked.has.get(part) for part in _HAS},
    )  # fmt: skip
    return [summary_of(row) for row in rows][:most]


async def list_page(
    db: Fetcher, asked: Slice, before_id: int, limit: int, *, tag: str | None = None, batch_id: str | None = None
) -> list[JobSummary]:
    """A page of what stands in these tables, along the index of a tag or a batch if one is given, newest first."""
    where: dict[str, Any] = {
        "before_id": before_id, "limit": limit, "live": asked.live, "completed": asked.completed,
        "failed": asked.failed, "state": None, "queue": None, "worker": None, "command": None, "user_id": None,
    }  # fmt: skip
    if tag is not None:
        rows = await db.fetch("list_tagged", tag=tag, batch_id=None, **where)
    elif batch_id is not None:
        rows = await db.fetch("list_batch", batch_id=batch_id, **where)
    else:
        rows = await db.fetch("list_jobs", **where)
    return [summary_of(row) for row in rows]
