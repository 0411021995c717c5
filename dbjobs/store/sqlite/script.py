"""What an SQLite file of ``dbjobs/sql`` says beside its SQL: several statements, run one after another.

SQLite has no data-modifying CTEs, so a file may hold a sequence of statements, each ended by ``;`` at the end
of a line, which share their parameters and one transaction. A comment right above a statement directs it:

``-- @each outcomes``                  run it once for each row of a set, whose columns are its parameters
``-- @each moved where ref_id``        only for rows in which this column is neither NULL nor 0
``-- @rows outcomes``                  run it on all rows of a set: its VALUES list has one row, whose
                                       parameters are columns of the set, and is repeated for each
``-- @as moved``                       the rows it returns are a set for the statements below it
``-- @each outcomes as moved``         both (with ``@rows`` too)
``-- @packed``                         its one row holds all rows as one JSON array of arrays: stepping through
                                       many rows is what costs
``-- @as moved packed id state``      both, the columns having these names; of plain values if there is one
``-- @months``                         run it on the files of the history, newest month first, until every one of
                                       ``:ids``, or ``:limit`` rows, have been found; its rows join those before
``-- @months ascending|descending``    and all of them are put in this order of their first column
``-- @months of away``                 the same for the ids of a set that a statement above has made
``-- @nodes``                          run it on the file of the nodes' leases, where it commits by itself
``-- @nodes as alive``                 the same, and the rows it returns are a set
``-- @months in place``                the same for the months of such a set only, whose own rows are no result

A set in place of a scalar is bound as JSON: ``:moved`` is an array of rows, ``:moved.id`` one of values. Beside
the parameters given there are ``:months`` (those that have a file) and, with ``@each``, ``:so_far`` (how many rows
the statement has returned for the rows before). The result of a file are the rows of its last statement that
returns any.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from dbjobs.store.database import Row
from dbjobs.store.script_text import WRITES, split
from dbjobs.store.sqlite.steps import Files, Step, run_step, search
from dbjobs.store.statements import PARAMETER, Parameter, Statements, Table

_DIRECTIVE = re.compile(
    r"-- @(?:each (?P<each>\w+)(?: where (?P<where>\w+))?|rows (?P<rows>\w+)"
    r"|(?P<months>months)(?: (?P<order>ascending|descending))?(?: of (?P<of>\w+))?"
    r"(?: in (?P<within>\w+))?|(?P<nodes>nodes))?"
    r" ?(?:as (?P<name>\w+))? ?(?P<packed>packed)?(?: (?P<columns>[\w ]+))?"
)
_TEMPLATE = re.compile(r"(?<=VALUES )\([^()]*\)")


class Script:
    """The statements of one file, ready to run on any connection to the main file."""

    def __init__(self, source: str) -> None:
        self.steps = tuple(_step(text, **directed) for text, directed in split(source, _DIRECTIVE))
        self.reads_only = not any(WRITES.search(step.text) for step in self.steps)
        self.nodes_only = bool(self.steps) and all(step.nodes for step in self.steps)
        self._places = {step.within for step in self.steps if step.within is not None}
        self._names_months = any(name == "months" for step in self.steps for name, _ in step.parameters)

    def run(self, connection: sqlite3.Connection, files: Files, given: Mapping[str, Any]) -> list[Row]:
        """Run the statements in order; the transaction is the caller's.

        Raises:
            sqlite3.Error
        """
        rows: list[Row] = []
        values = dict(given)
        if self._names_months:
            values["months"] = files.names()
        cursor = _cursor(connection)
        for step in self.steps:
            if step.of is not None:
                ids = [row[0] for row in values[step.of].rows]
                rows = search(step, files, {**values, "ids": ids}, rows)
            elif step.months:
                rows = search(step, files, values, rows)
                rows += self._come_back(cursor, values, rows)
            else:
                found = run_step(step, _cursor(files.nodes()) if step.nodes else cursor, values)
                if step.name in self._places:
                    values[step.name] = Table(step.columns, found)
                    continue
                rows = found if step.returns else rows
            if step.name is not None:
                columns = step.columns or (rows[0].keys() if rows else ())
                values[step.name] = Table(columns, [tuple(row) for row in rows])
        return rows

    def _come_back(self, cursor: sqlite3.Cursor, values: dict[str, Any], rows: list[Row]) -> list[Row]:
        """Rows that were in no month any more when it was their turn: a requeue has just brought them to life."""
        if "ids" not in values:
            return []
        missing = set(values["ids"]) - {row[0] for row in rows}
        return run_step(self.steps[0], cursor, {**values, "ids": missing}) if missing else []


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


def _cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor


def _step(
    text: str,
    each: str | None = None,
    where: str | None = None,
    rows: str | None = None,
    months: str | None = None,
    nodes: str | None = None,
    order: str | None = None,
    of: str | None = None,
    within: str | None = None,
    name: str | None = None,
    packed: str | None = None,
    columns: str | None = None,
) -> Step:
    parameters = tuple(Parameter(match[1], match[2]) for match in PARAMETER.finditer(text))
    returns = "RETURNING" in text or WRITES.search(text) is None
    text, template = PARAMETER.sub("?", text), ""
    if rows is not None:
        found = _TEMPLATE.search(text)
        if found is None:
            raise ValueError(f"@rows {rows}: the statement has no VALUES list of plain parameters")
        template = found[0]
        text = text[: found.start()] + "{}" + text[found.end() :]
    names = tuple((columns or "").split())
    return Step(
        text, parameters, returns, each, where, rows, template, months is not None, nodes is not None, order, of,
        within, name, packed is not None, names,
    )  # fmt: skip
