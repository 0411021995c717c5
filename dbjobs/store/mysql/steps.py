"""What a MySQL file of ``dbjobs/sql`` says beside its SQL: several statements, run one after another.

A file may hold a sequence of statements, each ended by ``;`` at the end of a line, which share their parameters
and one transaction. Statements that do not need each other's rows travel together, in one round trip. A comment right
above a statement directs it:

``-- @as moved``                    the rows it returns are a set for the statements below it
``-- @if moved where worker``       only if the set has rows (or rows in which this column is neither NULL nor 0)
``-- @if ends where state <> done`` only if it has rows in which this column has another value
``-- @each counts where x as y``    run it once for each row of a set, whose columns are its parameters
``-- @each refs unless taken r``    run it once for each row, which it inserts; its rows are the values of this column
                                    of those that went in, and a row whose key is taken is none
``-- @rows jobs``                   run it on all rows of a set: its VALUES list has one row, repeated for each
``-- @rows jobs numbered ref_id``   its rows are the numbers that AUTO_INCREMENT gave, each with this column; a single
                                    row whose key is taken yields none
``-- @union leased as head``        its inmost SELECT, in double parentheses, is repeated for each row of a set, with
                                    UNION ALL in between
``-- @if moved as x packed id y``   it returns its rows as JSON arrays of rows, which is cheaper to read; their columns
                                    have these names; of plain values if there is one column

``:moved.id`` is a list of values for ``IN (...)``; ``:moved`` is a JSON array of objects for JSON_TABLE. The result of
a file are the rows of its last statement that returns any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dbjobs.store.mysql.values import Template
from dbjobs.store.script_text import split
from dbjobs.store.statements import PARAMETER, Parameter

_DIRECTIVE = re.compile(
    r"-- @(?:each (?P<each>\w+)|rows (?P<rows>\w+)|union (?P<union>\w+)|if (?P<only_if>\w+))?"
    r"(?: where (?P<where>\w+)(?: <> (?P<other>\w+))?)?(?: numbered (?P<numbered>\w+))?"
    r"(?: unless taken (?P<taken>\w+))?"
    r" ?(?:as (?P<name>\w+))? ?(?P<packed>packed)?(?P<columns>(?: \w+)*)"
)
_VALUES = re.compile(r"\bVALUES\s*(?=\()")
_INMOST = re.compile(r"\(\s*(?=\(\s*SELECT\b)")


class Step(NamedTuple):
    """One statement of a file; the module says what its directive means.

    Attributes:
        row: what is repeated between ``head`` and ``tail``: of a VALUES list its one row, of a union its SELECT.
        needs: the sets it names.
    """

    head: Template
    row: Template | None
    tail: Template
    each: str | None
    rows: str | None
    union: str | None
    only_if: str | None
    where: str | None
    other: str | None
    numbered: str | None
    taken: str | None
    name: str | None
    packed: bool
    columns: tuple[str, ...]
    needs: frozenset[str]

    @property
    def over(self) -> str | None:
        """The set that it is run for."""
        return self.each or self.rows or self.union


def steps_of(source: str) -> tuple[Step, ...]:
    """The statements of a file.

    Raises:
        ValueError: a directive that is not known, or does not fit.
    """
    return tuple(_step(text, **directed) for text, directed in split(source, _DIRECTIVE))


def _step(
    text: str,
    each: str | None = None,
    rows: str | None = None,
    union: str | None = None,
    only_if: str | None = None,
    where: str | None = None,
    other: str | None = None,
    numbered: str | None = None,
    taken: str | None = None,
    name: str | None = None,
    packed: str | None = None,
    columns: str | None = None,
) -> Step:
    head, row, tail = text, None, ""
    if rows is not None or union is not None:
        start, end = _parenthesised(text, _VALUES if rows is not None else _INMOST)
        head, row, tail = text[:start], _template(text[start:end]), text[end:]
    names = frozenset(match[1] for match in PARAMETER.finditer(text)) | set(filter(None, (each, rows, union, only_if)))
    return Step(
        _template(head), row, _template(tail), each, rows, union, only_if, where, other, numbered, taken, name,
        packed is not None, tuple((columns or "").split()), names,
    )  # fmt: skip


def _template(text: str) -> Template:
    matches = list(PARAMETER.finditer(text))
    borders = [0, *(border for match in matches for border in match.span()), len(text)]
    pieces = [text[start:end] for start, end in list(pairwise(borders))[::2]]
    return Template(pieces, [Parameter(match[1], match[2]) for match in matches])


def _parenthesised(text: str, before: re.Pattern[str]) -> tuple[int, int]:
    """Where the parentheses stand, themselves included, that begin behind such a text.

    Raises:
        ValueError: there is no such text, or they do not end.
    """
    found = before.search(text)
    if found is None:
        raise ValueError(f"a directive repeats what stands behind {before.pattern}, and there is none in: {text}")
    depth = 0
    for at, character in _outside_quotes(text, found.end()):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return found.end(), at + 1
    raise ValueError(f"parentheses that do not end in: {text}")


def _outside_quotes(text: str, start: int) -> Iterator[tuple[int, str]]:
    quoted = False
    for at in range(start, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif not quoted:
            yield at, text[at]
