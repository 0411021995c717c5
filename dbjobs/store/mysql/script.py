"""Runs a file of MySQL statements in as few round trips as their dependencies allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.mysql.steps import Step, steps_of
from dbjobs.store.mysql.values import Template, as_table, column_of, literal
from dbjobs.store.named_rows import row_type
from dbjobs.store.statements import Parameter, Statements, Table

COMMA = ",\n"
UNION = "\nUNION ALL\n"


class Result(NamedTuple):
    """What one statement answered: rows if it has columns; the first number that it gave, else 0."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    first_id: int


class Runs(Protocol):
    """A connection, as a script needs it."""

    async def run(self, statements: Sequence[str]) -> list[Result]:
        """Run statements, in one round trip."""
        ...

    async def run_unless_taken(self, statement: str) -> list[Result]:
        """The same; no results if a unique key is taken."""
        ...

    def escape(self, text: str) -> str: ...

    @property
    def is_mariadb(self) -> bool:
        """True for MariaDB, False for MySQL."""
        ...


class OpenRuns(Runs, Protocol):
    """The same, of which one can know whether it is open, and whose it is."""

    raw: Any

    def is_closed(self) -> bool: ...


class Scripts:
    """The scripts of the dialect's folder, each read once."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self._steps: dict[str, tuple[Step, ...]] = {}
        self.begin, self.commit = statements.text("begin"), statements.text("commit")
        self.increment = statements.text("auto_increment")
        self.guard = statements.text("note_transaction"), statements.text("check_transaction")

    def steps(self, name: str) -> tuple[Step, ...]:
        """The steps of the file ``<name>.sql``."""
        steps = self._steps.get(name)
        if steps is None:
            steps = self._steps[name] = steps_of(self.statements.source(name))
        return steps

    def several(self, name: str) -> bool:
        """True if running the file takes more than one statement, and so a transaction."""
        steps = self.steps(name)
        return len(steps) > 1 or any(step.each is not None for step in steps)


class Run:
    """One run of a script.

    Args:
        connection: where; a transaction on it is the caller's.
        scripts: the dialect's.
        given: the parameters.
    """

    def __init__(self, connection: Runs, scripts: Scripts, given: Mapping[str, Any]) -> None:
        self._connection = connection
        self._scripts = scripts
        self._values = dict(given)
        self._unsent: list[tuple[Step | None, str]] = []
        self._unknown: set[str] = set()
        self._rows: list[Row] = []
        self._found: dict[int, list[Row]] = {}

    async def steps(self, steps: Sequence[Step], *, alone: bool) -> list[Row]:
        """Run them; ``alone``: in a transaction of their own, which is begun and committed on the way."""
        if alone:
            self._unsent.append((None, self._scripts.begin))
        here = "mariadb" if self._connection.is_mariadb else "mysql"
        for step in steps:
            if step.server not in (None, here):
                continue
            if step.needs & self._unknown:
                await self._send()
            await self._step(step)
        if alone:
            self._unsent.append((None, self._scripts.commit))
        await self._send()
        return self._rows

    async def _step(self, step: Step) -> None:
        if step.only_if is not None and not _any(as_table(self._values[step.only_if]), step):
            self._note(step, [])
            return
        if step.over is None:
            self._add(step, self._filled(step.head, self._values))
            return
        table = as_table(self._values[step.over])
        if not table.count:
            self._note(step, [])
        elif step.numbered is not None:
            await self._numbered(step, table)
        elif step.taken is not None:
            await self._unless_taken(step, table)
        elif step.row is not None:
            self._add(step, self._repeated(step, table, UNION if step.union is not None else COMMA))
        else:
            for row in _rows_of(table, step.where):
                self._add(step, self._filled(step.head, {**self._values, **row}))

    async def _numbered(self, step: Step, table: Table) -> None:
        """Insert rows; returns their numbers, which are consecutive in steps of the server's increment."""
        assert step.numbered is not None
        await self._send()
        text = self._repeated(step, table, COMMA)
        if table.count == 1:
            results = await self._connection.run_unless_taken(text)
            by = 1
        else:
            results = await self._connection.run([text, self._scripts.increment])
            by = results[-1].rows[0][0]
        first = results[0].first_id if results else 0
        beside = column_of(table, step.numbered)
        self._note(step, [(first + at * by, value) for at, value in enumerate(beside) if results])

    async def _unless_taken(self, step: Step, table: Table) -> None:
        """Insert rows one by one; returns those whose key was free."""
        assert step.taken is not None
        await self._send()
        inserted: list[Row] = []
        for row in _rows_of(table, step.where):
            if await self._connection.run_unless_taken(self._filled(step.head, {**self._values, **row})):
                inserted.append((row[step.taken],))
        self._note(step, inserted, (step.taken,))

    def _repeated(self, step: Step, table: Table, between: str) -> str:
        """A statement with a part of it repeated for each row of the set."""
        assert step.row is not None
        parts = between.join(step.row.repeat(table, self._values, self._connection.escape))
        return self._filled(step.head, self._values) + parts + self._filled(step.tail, self._values)

    def _filled(self, template: Template, values: Mapping[str, Any]) -> str:
        return template.fill(lambda parameter: self._literal(parameter, values))

    def _literal(self, parameter: Parameter, values: Mapping[str, Any]) -> str:
        value = values[parameter.name]
        if parameter.column is not None:
            value = column_of(value, parameter.column)
        return literal(value, self._connection.escape)

    def _add(self, step: Step, text: str) -> None:
        self._unsent.append((step, text))
        if step.name is not None:
            self._unknown.add(step.name)

    async def _send(self) -> list[Result]:
        """Send the pending statements in one round trip and collect their rows."""
        if not self._unsent:
            return []
        sent, self._unsent = self._unsent, []
        results = await self._connection.run([text for _, text in sent])
        answered: dict[int, tuple[Step, list[Result]]] = {}
        for (step, _), result in zip(sent, results, strict=True):
            if step is not None:
                answered.setdefault(id(step), (step, []))[1].append(result)
        for step, own in answered.values():
            if own[0].columns:
                self._note(step, [row for result in own for row in _unpacked(step, result)], own[0].columns)
        self._unknown.clear()
        return results

    def _note(self, step: Step, rows: list[Row], columns: Sequence[str] = ()) -> None:
        """These are the rows of a step."""
        if step.name is not None:
            self._values[step.name] = Table(step.columns or tuple(columns), rows)
        if step.name is not None or rows or columns or step.packed or step.numbered:
            self._rows = rows


def _any(table: Table, step: Step) -> bool:
    if step.where is None:
        return table.count > 0
    values = column_of(table, step.where)
    return any(values) if step.other is None else any(value != step.other for value in values)


def _rows_of(table: Table, where: str | None) -> Iterator[Mapping[str, Any]]:
    for row in table.rows:
        named = dict(zip(table.columns, row, strict=True))
        if where is None or named[where]:
            yield named


def _unpacked(step: Step, result: Result) -> list[Row]:
    if not step.packed:
        kind = row_type(result.columns)
        return [kind(row) for row in result.rows]
    rows: list[Row] = [one for (text,) in result.rows if text is not None for one in msgspec.json.decode(text)]
    return [(value,) for value in rows] if len(step.columns) == 1 else rows
