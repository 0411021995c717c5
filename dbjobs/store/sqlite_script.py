"""What an SQLite file of ``dbjobs/sql`` says beside its SQL: several statements, run one after another.

SQLite has no data-modifying CTEs, so a file may hold a sequence of statements, each ended by ``;`` at the end
of a line, which share their parameters and one transaction. A comment right above a statement directs it:

``-- @each outcomes``                  run it once for each row of a set, whose columns are its parameters
``-- @each moved where ref_id``        only for rows in which this column is neither NULL nor 0
``-- @as moved``                       the rows it returns are a set for the statements below it
``-- @each outcomes as moved``         both
``-- @months``                         run it on the files of the history, newest month first, until every one of
                                       ``:ids``, or ``:limit`` rows, have been found; its rows join those before
``-- @months ascending|descending``    and all of them are put in this order of their first column

A set in place of a scalar is bound as JSON: ``:moved`` is an array of rows, ``:moved.id`` one of values. Beside
the parameters given there are ``:months`` (those that have a file) and, with ``@each``, ``:so_far`` (how many rows
the statement has returned for the rows before). The result of a file are the rows of its last statement that
returns any.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.statements import PARAMETER, Parameter, Statements, Table

_DIRECTIVE = re.compile(
    r"-- @(?:each (?P<each>\w+)(?: where (?P<where>\w+))?|(?P<months>months)(?: (?P<order>ascending|descending))?)?"
    r" ?(?:as (?P<name>\w+))?$"
)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b")
_SO_FAR = Parameter("so_far", None)


class Step(NamedTuple):
    """One statement of a file; see the module for the meaning of its directive."""

    text: str
    parameters: tuple[Parameter, ...]  # one for each placeholder, in order
    returns: bool
    each: str | None = None
    where: str | None = None
    months: bool = False
    order: str | None = None
    name: str | None = None


class Months(Protocol):
    """The files of the history, as a script needs them."""

    def names(self) -> list[str]:
        """Months that have a file, as 'YYYYMM', newest first."""
        ...

    def connection(self, month: str) -> sqlite3.Connection | None:
        """A connection to one of them, with the main file attached as ``live``; None if it is gone."""
        ...


class Script:
    """The statements of one file, ready to run on any connection to the main file."""

    def __init__(self, source: str) -> None:
        self.steps = tuple(_steps(source))
        self.reads_only = not any(_WRITES.search(step.text) for step in self.steps)
        self._names_months = any(name == "months" for step in self.steps for name, _ in step.parameters)

    def run(self, connection: sqlite3.Connection, months: Months, given: Mapping[str, Any]) -> list[Row]:
        """Run the statements in order; the transaction is the caller's.

        Raises:
            sqlite3.Error
        """
        rows: list[Row] = []
        values = dict(given)
        if self._names_months:
            values["months"] = months.names()
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        for step in self.steps:
            if step.months:
                rows = _search(step, months, values, rows)
            elif step.each is not None:
                found = _run_each(step, cursor, values)
                rows = found if step.returns else rows
            else:
                found = cursor.execute(step.text, _bind(step, values)).fetchall()
                rows = found if step.returns else rows
            if step.name is not None:
                values[step.name] = Table(rows[0].keys() if rows else (), [tuple(row) for row in rows])
        return rows


class Scripts:
    """The scripts of the dialect's folder, each read once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._scripts: dict[str, Script] = {}

    def script(self, name: str) -> Script:
        """The script of the file ``<name>.sql``."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = Script(self._statements.source(name))
        return script


def _steps(source: str) -> Iterator[Step]:
    """Split a file at every ``;`` that ends a line."""
    code: list[str] = []
    directive: dict[str, str | None] = {}
    for line in source.splitlines():
        if line.startswith("-- @"):
            match = _DIRECTIVE.fullmatch(line)
            if match is None:
                raise ValueError(f"unknown directive: {line}")
            directive = match.groupdict()
        code.append(line.partition("--")[0].rstrip())
        if code[-1].endswith(";"):
            yield _step("\n".join(filter(None, code)).rstrip(";"), **directive)
            code, directive = [], {}
    if any(code):
        yield _step("\n".join(filter(None, code)), **directive)


def _step(
    text: str,
    each: str | None = None,
    where: str | None = None,
    months: str | None = None,
    order: str | None = None,
    name: str | None = None,
) -> Step:
    parameters = tuple(Parameter(match[1], match[2]) for match in PARAMETER.finditer(text))
    returns = "RETURNING" in text or _WRITES.search(text) is None
    return Step(PARAMETER.sub("?", text), parameters, returns, each, where, months is not None, order, name)


def _run_each(step: Step, cursor: sqlite3.Cursor, values: Mapping[str, Any]) -> list[Row]:
    assert step.each is not None
    table: Table = values[step.each]
    rows = table.rows
    if not rows:
        return []
    if step.where is not None:
        at = list(table.columns).index(step.where)
        rows = list(compress(rows, [row[at] for row in rows]))
    elif _MOMENT in table.columns:
        rows = _with_moments(table)
    if not rows:
        return []
    pick, names = _picker(step.parameters, tuple(table.columns))
    if _SO_FAR in names:
        return _run_counting(step, cursor, values, rows)
    if names:
        scalars = tuple(_value(values[name.name], name.column) for name in names)
        bound = [pick((*row, *scalars)) for row in rows]
    else:
        bound = list(map(pick, rows))
    if not step.returns:
        cursor.executemany(step.text, bound)
        return []
    found: list[Row] = []
    for binding in bound:
        found += cursor.execute(step.text, binding).fetchall()
    return found


def _run_counting(
    step: Step, cursor: sqlite3.Cursor, values: Mapping[str, Any], rows: Sequence[Sequence[Any]]
) -> list[Row]:
    """Run a statement that asks how many rows it has returned already."""
    assert step.each is not None
    columns = values[step.each].columns
    found: list[Row] = []
    for row in rows:
        here = {**values, **dict(zip(columns, row, strict=True)), _SO_FAR.name: len(found)}
        found += cursor.execute(step.text, _bind(step, here)).fetchall()
    return found


@lru_cache(maxsize=256)
def _picker(
    parameters: tuple[Parameter, ...], columns: tuple[str, ...]
) -> tuple[Callable[[Sequence[Any]], tuple[Any, ...]], tuple[Parameter, ...]]:
    """How to make the values of a statement from a row followed by the scalars, and which scalars these are."""
    scalars = tuple(dict.fromkeys(p for p in parameters if p.column is not None or p.name not in columns))
    places = [len(columns) + scalars.index(p) if p in scalars else columns.index(p.name) for p in parameters]
    if len(places) == 1:
        only = places[0]
        return (lambda row: (row[only],)), scalars
    return itemgetter(*places), scalars


def _search(step: Step, months: Months, values: Mapping[str, Any], before: list[Row]) -> list[Row]:
    """Run a statement on the files of the history until what was asked for is found."""
    found = {row[0]: row for row in before}
    wanted = dict(values)
    limit: int | None = values.get("limit")
    ids: Sequence[int] | None = values.get("ids")
    seen = 0
    for month in months.names():
        if ids is not None:
            ids = wanted["ids"] = [id for id in ids if id not in found]
            if not ids:
                break
        connection = months.connection(month)
        if connection is None:
            continue
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        for row in cursor.execute(step.text, _bind(step, wanted)).fetchall():
            found.setdefault(row[0], row)
            seen += 1
        if limit is not None and seen >= limit:
            break
    rows = list(found.values())
    if step.order is not None:
        rows.sort(key=itemgetter(0), reverse=step.order == "descending")
    return rows if limit is None else rows[:limit]


def _bind(step: Step, values: Mapping[str, Any]) -> list[Any]:
    return [_value(values[name], column) for name, column in step.parameters]


def _value(value: Any, column: str | None = None) -> Any:
    """A parameter as SQLite takes it: sets as JSON, times as text."""
    if isinstance(value, Table):
        if column is None or not value.rows:
            return _encode(value.rows)
        at = list(value.columns).index(column)
        return _encode([row[at] for row in value.rows])
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return _encode(list(value))
    return value


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def moment_text(moment: datetime) -> str:
    """A moment as the tables have it. Microseconds, if there are any, still compare as text."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(" ", "microseconds" if utc.microsecond % 1000 else "milliseconds")


_MOMENT = "run_after"  # the one column of a set that comes as a datetime


def _with_moments(table: Table) -> Sequence[Sequence[Any]]:
    at = list(table.columns).index(_MOMENT)
    return [row if row[at] is None else (*row[:at], _value(row[at]), *row[at + 1 :]) for row in table.rows]
