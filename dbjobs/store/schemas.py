"""Where the tables are: how a schema's name, or a prefix, gets into the text of a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dbjobs.errors import InvalidOption

DEFAULT = "dbjobs"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]{0,39}\Z")

# Dialect -> (what stands in its files, what is put there).
_NAMES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "postgres": (("dbjobs.", '"{0}".'),),
    "mysql": (("dbjobs_", "{0}_"),),
    "sqlite": (("dbjobs_", "{0}_"),),
    "sqlserver": (("dbjobs.", "[{0}]."), ("dbjobs_history", "{0}_history"), ("dbjobs_requests", "{0}_requests")),
}


def check_schema(schema: str) -> None:
    """Refuse a name that would need quotes somewhere.

    Raises:
        InvalidOption.
    """
    if not isinstance(schema, str) or not _PLAIN.match(schema):
        raise InvalidOption(
            f"schema {schema!r} must be at most 40 lower-case letters, digits and underscores, not a digit first"
        )


def in_schema(dialect: str, schema: str) -> Callable[[str], str]:
    """A function that puts this schema's name into the text of a dialect's file."""
    names = [(found, put.format(schema)) for found, put in _NAMES[dialect]]

    def named(text: str) -> str:
        for found, put in names:
            text = text.replace(found, put)
        return text

    return named
