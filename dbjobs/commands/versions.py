"""Versions of a request: one that was stored in an old form is upgraded step by step when it is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from dbjobs.commands import codec
from dbjobs.commands.signature import is_coroutine_function
from dbjobs.errors import InvalidOption

Upgrade = Callable[[str], str]
MAX_VERSION = 1_000_000


def stored_name(name: str, version: int) -> str:
    """The stored name of a version's jobs: a node that does not know the version leaves them to one that does."""
    return name if version == 1 else f"{name}@{version}"


def checked_version(version: Any, where: str, what: str = "version") -> int:
    """A version.

    Raises:
        InvalidOption.
    """
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= MAX_VERSION:
        raise InvalidOption(f"{where}: {what}={version!r} must be a whole number between 1 and {MAX_VERSION}")
    return version


def step(function: Callable[[Any], Any], where: str) -> Upgrade:
    """JSON text of the next version, from that of one version.

    Args:
        function: takes the old request, as the type that it declares for it, or as decoded JSON; returns the new one.

    Raises:
        InvalidOption: the function cannot be used.
    """
    if not callable(function):
        raise InvalidOption(f"{where} must be a function of the old request, not a {type(function).__name__}")
    if is_coroutine_function(function):
        raise InvalidOption(f"{where} must be a plain function: it turns data into data")
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise InvalidOption(f"{where}: its types cannot be read: {error}") from error
    hints.pop("return", None)
    decode = codec.decoder(next(iter(hints.values()), Any), command=where)

    def upgrade(text: str) -> str:
        return codec.encode(function(decode(text)), what=where, limit=sys.maxsize) or "null"

    return upgrade


def ways(steps: Mapping[int, Upgrade], current: int) -> dict[int, Upgrade]:
    """From each version that leads to the current one: all its steps in one."""
    found: dict[int, Upgrade] = {}
    later: Upgrade | None = None
    for version in range(current - 1, 0, -1):
        if version not in steps:
            break
        later = found[version] = _after(steps[version], later)
    return found


def _after(first: Upgrade, then: Upgrade | None) -> Upgrade:
    return first if then is None else lambda text: then(first(text))
