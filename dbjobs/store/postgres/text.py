"""Parameters in PostgreSQL's text form, for callers' drivers with whatever adapters they have set."""

from __future__ import annotations

from typing import Any


def as_text(value: Any) -> str | None:
    """A parameter as the server reads it: an array as its literal, each element in quotes."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(["NULL" if element is None else _quoted(str(element)) for element in value]) + "}"
    return str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
