"""Runs a file of SQLite statements, one after another, on the main file, the months and the file of the leases.

SQLite has no data-modifying CTEs, so a file may hold a sequence of statements; ``dbjobs/sql/README.md`` says what the
directives above them mean. A set in place of a scalar is bound as JSON: ``:moved`` is an array of rows, ``:moved.id``
one of values. Beside the parameters given there are ``:months`` (those that have a file) and, with ``@each``,
``:so_far`` (how many rows the statement has returned for the rows before).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from dbjobs.errors import PartitionMissing
from dbjobs.store.database import Row
from dbjobs.store.directives import WRITES, Directive, split
from dbjobs.store.sqlite.connection import roll_back
from dbjobs.store.sqlite.steps import Files, Step, run_step, search
from dbjobs.store.statements import PARAMETER, Parameter, Statements, Table

_KNOWN = frozenset(
    (
        "each",
        "where",
        "rows",
        "rows_where",
        "only_if",
        "months",
        "order",
        "of",
        "within",
        "nodes",
        "requests",
        "name",
        "packed",
        "columns",
    )
)
_TEMPLATE = re.compile(r"(?<=VALUES )\([^()]*\)")


class Script:
    """The statements of one file, ready to run on any connection to the main file."""

    def __init__(self, source: str) -> None:
        self.steps = tuple(_step(text, directive) for text, directive in split(source, _KNOWN))
        self.reads_only = not any(WRITES.search(step.text) for step in self.steps)
        self.nodes_only = bool(self.steps) and all(step.nodes for step in self.steps)
        self.requests_only = bool(self.steps) and all(step.requests for step in self.steps)
        self._places = {step.within for step in self.steps if step.within is not None}
        self._names_months = any(name == "months" for step in self.steps for name, _ in step.parameters)
        self._names_requests = any(name == "request_months" for step in self.steps for name, _ in step.parameters)

    def run(self, connection: sqlite3.Connection, files: Files, given: Mapping[str, Any]) -> list[Row]:
        """Run the statements in order; the transaction is the caller's.

        Raises:
            sqlite3.Error
        """
        rows: list[Row] = []
        values = dict(given)
        if self._names_months:
            values["months"] = files.names()
        if self._names_requests:
            values["request_months"] = files.request_names()
        if self.requests_only:
            return self._on_requests(files, values)
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

    def _on_requests(self, files: Files, values: Mapping[str, Any]) -> list[Row]:
        """Run the statements on the file of the request log's month; what writes has a transaction of its own there.

        Raises:
            PartitionMissing: the month has no file to write to.
        """
        connection = files.requests(values["month"])
        if connection is None:
            if self.reads_only:
                return []
            raise PartitionMissing(f"the request log has no file for {values['month']}", values["month"])
        if not self.reads_only:
            connection.execute("BEGIN IMMEDIATE")
        rows: list[Row] = []
        try:
            for step in self.steps:
                found = run_step(step, _cursor(connection), values)
                rows = found if step.returns else rows
            if not self.reads_only:
                connection.execute("COMMIT")
        except BaseException:
            roll_back(connection)
            raise
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


def _step(text: str, directive: Directive) -> Step:
    parameters = tuple(Parameter(match[1], match[2]) for match in PARAMETER.finditer(text))
    returns = "RETURNING" in text or WRITES.search(text) is None
    text, template = PARAMETER.sub("?", text), ""
    if directive.rows is not None:
        found = _TEMPLATE.search(text)
        if found is None:
            raise ValueError(f"@rows {directive.rows}: the statement has no VALUES list of plain parameters")
        template = found[0]
        text = text[: found.start()] + "{}" + text[found.end() :]
    return Step(
        text=text,
        parameters=parameters,
        returns=returns,
        each=directive.each,
        where=directive.where or directive.rows_where,
        rows=directive.rows,
        only_if=directive.only_if,
        template=template,
        months=directive.months,
        nodes=directive.nodes,
        requests=directive.requests,
        order=directive.order,
        of=directive.of,
        within=directive.within,
        name=directive.name,
        packed=directive.packed,
        columns=directive.columns,
    )
