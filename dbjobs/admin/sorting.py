"""Tables that sort by a click on a column head: the column is in the URL, ``-`` before it reverses the order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from dbjobs.admin.call import Call
from dbjobs.errors import InvalidOption

T = TypeVar("T", bound=msgspec.Struct)
# Columns that start at A; the others start with the largest value.
NAMES = frozenset(("name", "code", "command"))


class Order(msgspec.Struct, frozen=True):
    """A field and a direction."""

    call: Call
    field: str
    falling: bool

    def sorted(self, rows: Iterable[T]) -> list[T]:
        """The rows in this order; rows without a value come last."""
        known = [row for row in rows if getattr(row, self.field) is not None]
        rest = [row for row in rows if getattr(row, self.field) is None]
        return sorted(known, key=self._key, reverse=self.falling) + rest

    def _key(self, row: Any) -> Any:
        value = getattr(row, self.field)
        return value.casefold() if isinstance(value, str) else value

    def link(self, field: str) -> str:
        """Where a click on this column's head goes: numbers start with the largest, names with A."""
        if field == self.field:
            return self.call.here(sort=field if self.falling else f"-{field}")
        return self.call.here(sort=field if field in NAMES else f"-{field}")

    def direction(self, field: str) -> str:
        """``aria-sort`` of a column."""
        return "none" if field != self.field else "descending" if self.falling else "ascending"


def chosen(call: Call, kind: type[msgspec.Struct], default: str) -> Order:
    """The order that the URL asks for.

    Raises:
        InvalidOption: the rows have no such field.
    """
    asked = call.query("sort") or default
    field = asked.removeprefix("-")
    if field not in kind.__struct_fields__:
        raise InvalidOption(f"sort={asked!r} must be one of {', '.join(kind.__struct_fields__)}")
    return Order(call, field, asked.startswith("-"))
