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

A set in place of a scalar is bound as JSON: ``:moved`` is an array of rows, ``:moved.id`` one of values. The
result of a file are the rows of its last statement that returns any.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
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
_RETURNS = re.compile(r"\s*(SELECT|PRAGMA)\b|.*\bRETURNING\b", re.DOTALL)
_READS = re.compile(r"\s*(SELECT|WITH|PRAGMA)\b")


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
        self.reads_only = all(_READS.match(step.text) for step in self.steps)

    def run(self, connection: sqlite3.Connection, months: Months, given: Mapping[str, Any]) -> list[Row]:
        """Run the statements in order; the transaction is the caller's.

        Raises:
            sqlite3.Error
        """
        rows: list[Row] = []
        values = dict(given)
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        for step in self.steps:
            if step.each is not None:
                found = _run_each(step, cursor, values)
            elif step.months:
                found = rows = _search(step, months, values, rows)
            else:
                found = cursor.execute(step.text, _bind(step, values, months)).fetchall() if step.returns else []
                if not step.returns:
                    cursor.execute(step.text, _bind(step, values, months))
            if step.returns:
                rows = found
            if step.name is not None:
                columns = [column[0] for column in cursor.description]
                values[step.name] = Table(columns, [tuple(row) for row in rows])
        cursor.close()
        return rows
