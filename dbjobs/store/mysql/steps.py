"""The statements of a MySQL file, ready to be filled in: what is repeated, what they need, what they answer.

``dbjobs/sql/README.md`` says what the directives above them mean. ``:moved.id`` is a list of values for ``IN (...)``;
``:moved`` is a JSON array of objects for JSON_TABLE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dbjobs.store.directives import Directive, split
from dbjobs.store.mysql.values import Template
from dbjobs.store.statements import PARAMETER, Parameter

_KNOWN = frozenset(
    ("server", "each", "rows", "union", "only_if", "where", "other", "taken", "numbered", "name", "packed", "columns")
)
_VALUES = re.compile(r"\bVALUES\s*(?=\()")
_INMOST = re.compile(r"\(\s*(?=\(\s*SELECT\b)")


class Step(NamedTuple):
    """One statement of a file; Directive says what the other fields mean.

    Attributes:
        row: what is repeated between ``head`` and ``tail``: of a VALUES list its one row, of a union its SELECT.
        needs: the sets it names.
    """

    head: Template
    row: Template | None
    tail: Template
    server: str | None
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
    return tuple(_step(text, directive) for text, directive in split(source, _KNOWN))


def _step(text: str, directive: Directive) -> Step:
    head, row, tail = text, None, ""
    if directive.rows is not None or directive.union is not None:
        start, end = _parenthesised(text, _VALUES if directive.rows is not None else _INMOST)
        head, row, tail = text[:start], _template(text[start:end]), text[end:]
    sets = filter(None, (directive.each, directive.rows, directive.union, directive.only_if))
    return Step(
        head=_template(head),
        row=row,
        tail=_template(tail),
        server=directive.server,
        each=directive.each,
        rows=directive.rows,
        union=directive.union,
        only_if=directive.only_if,
        where=directive.where,
        other=directive.other,
        numbered=directive.numbered,
        taken=directive.taken,
        name=directive.name,
        packed=directive.packed,
        columns=directive.columns,
        needs=frozenset(match[1] for match in PARAMETER.finditer(text)) | set(sets),
    )


def _template(text: str) -> Template:
    matches = list(PARAMETER.finditer(text))
    borders = [0, *(border for match in matches for border in match.span()), len(text)]
    pieces = [text[start:end] for start, end in list(pairwise(borders))[::2]]
    return Template(pieces, [Parameter(match[1], match[2]) for match in matches])


def _parenthesised(text: str, before: re.Pattern[str]) -> tuple[int, int]:
    """Where the parentheses that begin after such a text stand, themselves included.

    Raises:
        ValueError: there is no such text, or they do not end.
    """
    found = before.search(text)
    if found is None:
        raise ValueError(f"a directive repeats the parentheses after {before.pattern}, and there are none in: {text}")
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
