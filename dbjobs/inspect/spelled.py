"""A search with each command under all its stored names: one per version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from dbjobs.inspect.wanted import Where

StoredNames = Callable[[str], list[str]]


def spelled_out(search: Mapping[str, Any], stored: StoredNames) -> dict[str, Any]:
    """The same search, with each command standing for all its versions known here; parts of names stay as they are."""
    changed = dict(search)
    if search.get("command") is not None:
        changed["command"] = _commands(search["command"], stored)
    if search.get("any_of") is not None:
        changed["any_of"] = _searches(search["any_of"], stored)
    return changed


def _commands(given: Any, stored: StoredNames) -> Any:
    if isinstance(given, str):
        names = stored(given)
        return names[0] if len(names) == 1 else names
    if isinstance(given, Where):
        if given.operation in ("is", "not"):
            return Where(given.operation, tuple(_names(given.values, stored)))
        if given.operation in ("unless", "either", "both"):
            return Where(given.operation, tuple(_commands(one, stored) for one in given.values))
        return given
    return _names(given, stored) if isinstance(given, Collection) else given


def _names(given: Collection[Any], stored: StoredNames) -> list[Any]:
    return [name for one in given for name in (stored(one) if isinstance(one, str) else [one])]


def _searches(given: Any, stored: StoredNames) -> Any:
    if isinstance(given, Mapping):
        return spelled_out(given, stored)
    if isinstance(given, Where):
        return Where(given.operation, tuple(_searches(one, stored) for one in given.values))
    if isinstance(given, Collection) and not isinstance(given, str):
        return [_searches(one, stored) for one in given]
    return given
