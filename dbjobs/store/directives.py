"""Files of ``dbjobs/sql`` that hold several statements, and the comments that direct them: one grammar.

A file is a sequence of statements, each ended by ``;`` at the end of a line. They share their parameters and one
transaction. A comment right above a statement, ``-- @...``, directs it; ``dbjobs/sql/README.md`` explains each word.
SQL Server's files have none: theirs are batches. A dialect says which of the words it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b")

_GRAMMAR = re.compile(
    r"""--\ @
    (?: on\ (?P<server>mysql|mariadb)  (?:\ |$) )?
    (?: each\ (?P<each>\w+)       (?:\ where\ (?P<each_where>\w+))?  (?:\ unless\ taken\ (?P<taken>\w+))?
      | rows\ (?P<rows>\w+)       (?:\ numbered\ (?P<numbered>\w+))?  (?:\ where\ (?P<rows_where>\w+))?
      | union\ (?P<union>\w+)
      | if\ (?P<only_if>\w+)      (?:\ where\ (?P<if_where>\w+)  (?:\ <>\ (?P<other>\w+))?)?
      | (?P<months>months)        (?:\ (?P<order>ascending|descending))?  (?:\ of\ (?P<of>\w+))?
                                  (?:\ in\ (?P<within>\w+))?
      | (?P<nodes>nodes)
      | (?P<requests>requests)
    )?
    (?: \ ?as\ (?P<name>\w+))?
    (?: \ ?(?P<packed>packed)     (?P<columns>(?:\ \w+)*))?
    """,
    re.VERBOSE,
)


class Directive(NamedTuple):
    """What the comment above a statement says.

    Attributes:
        server: run it only there: "mysql" or "mariadb".
        each: run it once for each row of this set.
        rows: run it on all rows of this set: its VALUES list has one row, which is repeated.
        union: its inmost SELECT is repeated for each row of this set.
        only_if: run it only if this set has rows.
        where: of the set of ``each`` or ``only_if``, only rows in which this column is neither NULL nor 0 ...
        other: ... or is not this value.
        taken: with ``each``: a row whose key is taken counts as no row; the others give this column.
        rows_where: with ``rows``: only rows in which this column is neither NULL nor 0.
        numbered: with ``rows``: it answers with the numbers of the rows, each with this column.
        months: run it on the files of the history, newest month first.
        order: "ascending" or "descending": what all of them return, by its first column.
        of: the set whose ids are looked for in the months.
        within: the set of the months to look into.
        nodes: run it on the file of the nodes' leases.
        requests: run it on the file of the request log's month ``:month``; a file has only such statements, or none.
        name: what it returns is a set of this name for the statements below it.
        packed: what it returns is JSON.
        columns: of packed rows.
    """

    server: str | None = None
    each: str | None = None
    rows: str | None = None
    union: str | None = None
    only_if: str | None = None
    where: str | None = None
    other: str | None = None
    taken: str | None = None
    rows_where: str | None = None
    numbered: str | None = None
    months: bool = False
    order: str | None = None
    of: str | None = None
    within: str | None = None
    nodes: bool = False
    requests: bool = False
    name: str | None = None
    packed: bool = False
    columns: tuple[str, ...] = ()


NOTHING = Directive()


def parse(line: str) -> Directive:
    """The directive of a whole line.

    Raises:
        ValueError: it is not known.
    """
    match = _GRAMMAR.fullmatch(line)
    if match is None:
        raise ValueError(f"unknown directive: {line}")
    said = match.groupdict()
    return Directive(
        server=said["server"],
        each=said["each"],
        rows=said["rows"],
        union=said["union"],
        only_if=said["only_if"],
        where=said["each_where"] or said["if_where"],
        other=said["other"],
        taken=said["taken"],
        rows_where=said["rows_where"],
        numbered=said["numbered"],
        months=said["months"] is not None,
        order=said["order"],
        of=said["of"],
        within=said["within"],
        nodes=said["nodes"] is not None,
        requests=said["requests"] is not None,
        name=said["name"],
        packed=said["packed"] is not None,
        columns=tuple((said["columns"] or "").split()),
    )


def split(source: str, known: frozenset[str]) -> Iterator[tuple[str, Directive]]:
    """The statements of a file without their comments, each with the directive right above it.

    Args:
        source: the file.
        known: fields of Directive that the dialect knows.

    Raises:
        ValueError: a directive that is not known, at all or to this dialect.
    """
    code: list[str] = []
    directive = NOTHING
    for line in source.splitlines():
        if line.startswith("-- @"):
            directive = parse(line)
            used = {field for field, value in directive._asdict().items() if value}
            if not used <= known:
                raise ValueError(f"this dialect's files have no such directive ({', '.join(used - known)}): {line}")
        code.append(line.partition("--")[0].rstrip())
        if code[-1].endswith(";"):
            yield "\n".join(filter(None, code)).rstrip(";"), directive
            code, directive = [], NOTHING
    if any(code):
        yield "\n".join(filter(None, code)), directive
