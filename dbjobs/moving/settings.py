"""What a transfer copies, and what you may leave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from dbjobs.errors import InvalidOption
from dbjobs.store.repository.moving import TABLES, MovedTable

Part = Literal["requests", "history", "logs", "statistics"]
PARTS: tuple[Part, ...] = get_args(Part)
PAGE_BYTES = 4_000_000


def parts_left_out(without: Iterable[str]) -> tuple[str, ...]:
    """The parts to leave out, sorted; without history there are no logs either.

    Raises:
        InvalidOption: a part that does not exist.
    """
    given = {without} if isinstance(without, str) else set(without)
    for part in sorted(given):
        if part not in PARTS:
            raise InvalidOption(f"transfer: without={part!r} is not one of {', '.join(PARTS)}")
    if "history" in given:
        # Nobody could read them, and MySQL, which takes the time of a line's job from that job, would give another one.
        given = {*given, "logs"}
    return tuple(sorted(given))


def tables_of(without: Iterable[str]) -> tuple[MovedTable, ...]:
    """The tables to copy, in order."""
    left_out = set(without)
    return tuple(table for table in TABLES if table.part not in left_out)
