"""Parameters as literals of MySQL's text protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from dbjobs.store.statements import Parameter, Table

Escape = Callable[[str], str]  # the driver's: it knows whether backslashes escape on this connection


def literal(value: Any, escape: Escape) -> str:
    """A value as a literal: a sequence as a list for ``IN (...)``, a set of rows as its JSON text."""
    if value is None:
        return "NULL"
    if value is True:
        return "1"
    if value is False:
        return "0"
    if isinstance(value, str):
        return f"'{escape(value)}'"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(value, Table):
        return f"'{escape(value.as_json())}'"
    if isinstance(value, Iterable):
        # An empty list is no syntax; IN (NULL) finds nothing.
        return ", ".join(literal(one, escape) for one in dict.fromkeys(value)) or "NULL"
    raise TypeError(f"a {type(value).__name__} is no parameter")


def column_of(table: Table, column: str) -> Sequence[Any]:
    """The values of one column of a set."""
    at = list(table.columns).index(column)
    return [row[at] for row in table.rows]


def as_table(value: Any) -> Table:
    """A set: a Table as it is, a sequence of values as one with the column ``value``."""
    return value if isinstance(value, Table) else Table(("value",), [(one,) for one in value])


class Template:
    """The text of a statement, ready to have its parameters put in.

    Args:
        pieces: the text between the parameters: one more than there are parameters.
        parameters: in order, one for each gap.
    """

    __slots__ = ("parameters", "pieces")

    def __init__(self, pieces: Sequence[str], parameters: Sequence[Parameter]) -> None:
        self.pieces = pieces
        self.parameters = parameters

    def fill(self, literal_of: Callable[[Parameter], str]) -> str:
        """The text with every parameter replaced."""
        parts = [self.pieces[0]]
        for parameter, piece in zip(self.parameters, self.pieces[1:], strict=True):
            parts += (literal_of(parameter), piece)
        return "".join(parts)
