"""The steps of an SQLite file: one statement each, run once, for each row of a set, or on the history."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.sqlite.values import picker, rows_of, value_of
from dbjobs.store.statements import Parameter, Table

# Rows of one VALUES list: each number is a statement of its own in the driver's cache, so there are few. The first is
# what the engine writes at once; a prepared statement takes about a hundred bytes for each of its values.
_ROWS_AT_ONCE = (1000, 128, 16, 1)
_MOST_VALUES = 12_000
SO_FAR = Parameter("so_far", None)

Values = Mapping[str, Any]


class Step(NamedTuple):
    """One statement of a file; Directive says what most of the fields mean."""

    text: str
    parameters: tuple[Parameter, ...]  # one for each placeholder, in order
    returns: bool
    each: str | None = None
    where: str | None = None
    rows: str | None = None
    only_if: str | None = None
    template: str = ""  # the one row of a VALUES list, placeholders and all; "{}" stands for it in the text
    months: bool = False
    nodes: bool = False
    requests: bool = False
    order: str | None = None
    of: str | None = None  # the set whose ids are looked for in the months
    within: str | None = None  # the set of the months to look into
    name: str | None = None
    packed: bool = False
    columns: tuple[str, ...] = ()  # of packed rows


class Files(Protocol):
    """The files beside the main one, as a script needs them."""

    def names(self) -> list[str]:
        """Months that have a file, as 'YYYYMM', newest first."""
        ...

    def connection(self, month: str) -> sqlite3.Connection | None:
        """A connection to one of them, with the main file attached as ``live``; None if it is gone."""
        ...

    def nodes(self) -> sqlite3.Connection:
        """A connection to the file of the nodes' leases."""
        ...

    def request_names(self) -> list[str]:
        """Months of the request log that have a file, as 'YYYYMM', newest first."""
        ...

    def requests(self, month: str) -> sqlite3.Connection | None:
        """A connection to one of them; None if there is no such file."""
        ...


def run_step(step: Step, cursor: sqlite3.Cursor, values: Values) -> list[Row]:
    """Run a statement on the main file; the rows it returns."""
    if step.each is not None:
        return _run_each(step, cursor, values, values[step.each])
    if step.rows is not None:
        return _run_rows(step, cursor, values, values[step.rows])
    if step.only_if is not None and not _wanted(step, values[step.only_if]):
        return []
    return _fetch(step, cursor, _bind(step, values))


def _fetch(step: Step, cursor: sqlite3.Cursor, bound: Sequence[Any]) -> list[Row]:
    rows = cursor.execute(step.text, bound).fetchall()
    if not step.packed:
        return rows
    unpacked: list[Any] = [one for (text,) in rows for one in msgspec.json.decode(text)]
    return [(value,) for value in unpacked] if len(step.columns) == 1 else unpacked


def _run_each(step: Step, cursor: sqlite3.Cursor, values: Values, table: Table) -> list[Row]:
    rows = _wanted(step, table)
    if not rows:
        return []
    pick, names = picker(step.parameters, tuple(table.columns))
    if SO_FAR in names:
        return _run_counting(step, cursor, values, table.columns, rows)
    if names:
        scalars = tuple(value_of(values[name.name], name.column) for name in names)
        rows = [(*row, *scalars) for row in rows]
    if not step.returns:
        cursor.executemany(step.text, map(pick, rows))
        return []
    found: list[Row] = []
    for row in rows:
        found += _fetch(step, cursor, pick(row))
    return found


def _wanted(step: Step, table: Table) -> Sequence[Sequence[Any]]:
    """The rows of a set that the statement is for."""
    rows = rows_of(table)
    if not rows or step.where is None:
        return rows
    at = list(table.columns).index(step.where)
    return list(compress(rows, [row[at] for row in rows]))


def _run_counting(
    step: Step, cursor: sqlite3.Cursor, values: Values, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[Row]:
    """Run a statement that asks how many rows it has returned already."""
    found: list[Row] = []
    for row in rows:
        here = {**values, **dict(zip(columns, row, strict=True)), SO_FAR.name: len(found)}
        found += _fetch(step, cursor, _bind(step, here))
    return found


def _run_rows(step: Step, cursor: sqlite3.Cursor, values: Values, table: Table) -> list[Row]:
    """Run a statement on all rows of a set, as many at once as a VALUES list takes.

    Each run of a statement lets go of the interpreter's lock and takes it back, which is dear beside a busy
    event loop: so the fewer the better.
    """
    columns = step.template.count("?")
    at = step.text[: step.text.index("{}")].count("?")
    pick, _ = picker(step.parameters[at : at + columns], tuple(table.columns))
    before = [value_of(values[name], column) for name, column in step.parameters[:at]]
    after = [value_of(values[name], column) for name, column in step.parameters[at + columns :]]
    rows = list(map(pick, _wanted(step, table)))
    found: list[Row] = []
    done = 0
    while done < len(rows):
        left = len(rows) - done
        count = next(count for count in _ROWS_AT_ONCE if count <= left and count * columns <= _MOST_VALUES)
        bound = (*before, *chain.from_iterable(rows[done : done + count]), *after)
        found += cursor.execute(_text_for(step, count), bound).fetchall()
        done += count
    return found


@lru_cache(maxsize=64)
def _text_for(step: Step, count: int) -> str:
    return step.text.replace("{}", ", ".join([step.template] * count), 1)


def search(step: Step, months: Files, values: Values, before: list[Row]) -> list[Row]:
    """Run a statement on the files of the history until what was asked for is found; ``before`` comes along."""
    found = {row[0]: row for row in before}
    wanted = dict(values)
    limit: int | None = values.get("limit")
    ids: Sequence[int] | None = values.get("ids")
    seen = 0
    names = months.names()
    if step.within is not None:
        places = {row[0] for row in values[step.within].rows}
        names = [month for month in names if month in places]
    for month in names:
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


def _bind(step: Step, values: Values) -> list[Any]:
    return [value_of(values[name], column) for name, column in step.parameters]
