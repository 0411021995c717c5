"""A stored search: its times are moments, and it fits into JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dbjobs.inspect import search as searching
from dbjobs.inspect.conditions import Condition, Where, check, kind_of

# Operations whose values are conditions.
_COMPOSED = ("unless", "either", "both")


class FrozenCondition(msgspec.Struct, frozen=True):
    """A condition on one column, as stored in JSON."""

    column: str
    operation: str
    values: tuple[Any, ...]


def freeze(search: Mapping[str, Any], at: datetime, where: str) -> tuple[FrozenCondition, ...]:
    """The conditions of a search, with every "that long ago" counted from ``at``.

    Raises:
        InvalidOption: the search is wrong.
    """
    conditions = check({column: _since(value, at) for column, value in search.items()}, where)
    return tuple(_frozen(one) for one in conditions)


def thaw(frozen: Sequence[FrozenCondition], where: str) -> list[Condition]:
    """The conditions again, checked: anybody may have stored them.

    Raises:
        InvalidOption.
    """
    conditions: list[Condition] = []
    for one in frozen:
        conditions += check({one.column: _where(one)}, where)
    return conditions


def search_of(frozen: Sequence[FrozenCondition], where: str, *, live: bool, history: bool) -> searching.Search:
    """The search made of them."""
    return searching.Search(thaw(frozen, where), live=live, history=history)


def _frozen(one: Condition) -> FrozenCondition:
    if one.operation == "any":
        searches = tuple(tuple(_frozen(value) for value in search) for search in one.values)
        return FrozenCondition(one.column, "any", searches)
    values = tuple(_frozen(value) if isinstance(value, Condition) else value for value in one.values)
    return FrozenCondition(one.column, str(one.operation), values)


def _where(one: FrozenCondition) -> Where:
    if one.operation == "any":
        values: tuple[Any, ...] = tuple(_search([_inner(value) for value in search]) for search in one.values)
    elif one.operation in _COMPOSED:
        inner = [_inner(value) for value in one.values]
        values = tuple(_where(value) for value in inner)
    elif kind_of(one.column) == "moment":
        values = tuple(datetime.fromisoformat(value) if isinstance(value, str) else value for value in one.values)
    else:
        values = one.values
    return Where(one.operation, values)  # type: ignore[arg-type]  # ``check`` refuses unknown operations


def _search(frozen: Sequence[FrozenCondition]) -> dict[str, Where]:
    """One of the alternatives of ``any_of``."""
    found: dict[str, list[Where]] = {}
    for one in frozen:
        found.setdefault(one.column, []).append(_where(one))
    return {column: given[0] if len(given) == 1 else Where.both(*given) for column, given in found.items()}


def _inner(value: Any) -> FrozenCondition:
    return value if isinstance(value, FrozenCondition) else msgspec.convert(value, FrozenCondition)


def _since(value: Any, at: datetime) -> Any:
    """The value, with every duration in it replaced by the moment it means."""
    if isinstance(value, timedelta):
        try:
            return at - value
        except OverflowError:
            return value  # ``check`` refuses it
    if isinstance(value, Where):
        return Where(value.operation, tuple(_since(one, at) for one in value.values))
    if isinstance(value, Mapping):
        return {name: _since(one, at) for name, one in value.items()}
    return [_since(one, at) for one in value] if isinstance(value, list | tuple) else value
