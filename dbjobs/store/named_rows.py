"""Rows that can be read by position and by column name, for drivers whose rows know only one of the two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


class NamedRow(tuple[Any, ...]):
    """A row of a statement; subclasses know the columns."""

    __slots__ = ()
    _at: dict[str, int] = {}  # noqa: RUF012

    def __getitem__(self, key: Any) -> Any:
        """A value by position, slice or column name."""
        return tuple.__getitem__(self, self._at[key] if isinstance(key, str) else key)

    def keys(self) -> Sequence[str]:
        """The names of the columns, in order."""
        return tuple(self._at)


@lru_cache(maxsize=512)
def row_type(columns: tuple[str, ...]) -> type[NamedRow]:
    """The kind of row with these columns."""
    return type("Row", (NamedRow,), {"_at": {name: at for at, name in enumerate(columns)}, "__slots__": ()})
