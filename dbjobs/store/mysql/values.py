"""Parameters as literals of MySQL's text protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from dbjobs.store.statements import Parameter, Table

# Columns of sets that may hold long texts, and how much of them goes out at once: a character may take four bytes,
# or two when it is escaped, and MariaDB's max_allowed_packet is 16 MiB unless it is set.
_LONG = frozenset({"request_body", "response_body", "error", "failure", "message", "status", "args", "meta"})
MOST_CHARACTERS = 2_000_000

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
        # An empty list is a syntax error; IN (NULL) finds nothing.
        return ", ".join(literal(one, escape) for one in dict.fromkeys(value)) or "NULL"
    raise TypeError(f"a {type(value).__name__} cannot be a parameter")


def column_of(table: Table, column: str) -> Sequence[Any]:
    """The values of one column of a set."""
    return table.by_column()[column]


def as_table(value: Any) -> Table:
    """A set: a Table as it is, a sequence of values as one with the column ``value``."""
    return value if isinstance(value, Table) else Table(("value",), [(one,) for one in value])


def in_pieces(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parameters of a statement, several times with a part of its set each if the set is too large for one packet.

    Every statement treats the rows of a set one by one, so it may be run for one part after another.
    """
    for name, table in parameters.items():
        if isinstance(table, Table) and table.count > 1:
            long = [column for column in table.columns if column in _LONG]
            if sum(len(value) for column in long for value in table.by_column()[column] if value) > MOST_CHARACTERS:
                half = table.count // 2
                parts = (Table(table.columns, table.rows[:half]), Table(table.columns, table.rows[half:]))
                return [piece for part in parts for piece in in_pieces({**parameters, name: part})]
    return [parameters]


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

    def repeat(self, rows: Table, scalars: Mapping[str, Any], escape: Escape) -> Iterable[str]:
        """The text for each row of a set, whose columns are parameters; what the rows share is made once."""
        columns = rows.by_column()
        count = rows.count
        parts: list[Iterable[str]] = []
        shared = self.pieces[0]
        for (name, _), piece in zip(self.parameters, self.pieces[1:], strict=True):
            values = columns[name] if name in columns else (scalars[name],)  # a list among them is one value
            if values.count(values[0]) == len(values):
                shared += literal(values[0], escape) + piece
            else:
                parts += (repeat(shared, count), [literal(value, escape) for value in values])
                shared = piece
        return map("".join, zip(*parts, repeat(shared, count), strict=True))
