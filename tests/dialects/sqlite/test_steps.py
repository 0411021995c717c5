"""How a file's statements run on a set of rows: with few statements, and only on the rows that are meant."""

from __future__ import annotations

import sqlite3

import pytest

from dbjobs.store.sqlite.script import Script
from dbjobs.store.statements import Table


class NoFiles:
    """A main file without any beside it."""

    def names(self) -> list[str]:
        return []

    def request_names(self) -> list[str]:
        return []

    def connection(self, month: str) -> sqlite3.Connection | None:
        raise AssertionError(month)

    def requests(self, month: str) -> sqlite3.Connection | None:
        raise AssertionError(month)

    def nodes(self) -> sqlite3.Connection:
        raise AssertionError("nodes")


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE a (x, y)")
    return connection


def run(connection: sqlite3.Connection, source: str, rows: list[tuple[int, bool]]) -> tuple[list[tuple[int, int]], int]:
    """What is in the table afterwards, and how many statements that took."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    Script(source).run(connection, NoFiles(), {"rows": Table(("x", "y"), rows)})
    connection.set_trace_callback(None)
    return connection.execute("SELECT x, y FROM a ORDER BY x").fetchall(), len(statements)


@pytest.mark.parametrize(("count", "statements"), [(0, 0), (1, 1), (3, 3), (144, 2), (1000, 1), (1001, 2)])
def test_many_rows_take_few_statements(connection: sqlite3.Connection, count: int, statements: int) -> None:
    rows = [(n, False) for n in range(count)]
    assert run(connection, "-- @rows rows\nINSERT INTO a (x, y) VALUES (:x, :y);", rows) == (rows, statements)


def test_a_statement_has_no_more_values_than_sqlite_takes(connection: sqlite3.Connection) -> None:
    columns = ["c" + "x" * n for n in range(48)]
    connection.execute(f"CREATE TABLE wide ({', '.join(columns)})")
    source = f"-- @rows rows\nINSERT INTO wide VALUES ({', '.join(':' + column for column in columns)});"
    Script(source).run(connection, NoFiles(), {"rows": Table(columns, [tuple(range(48))] * 1000)})
    last = columns[-1]
    assert connection.execute(f"SELECT count(*), min({last}), max({last}) FROM wide").fetchone() == (1000, 47, 47)


def test_rows_may_be_only_some_of_a_set(connection: sqlite3.Connection) -> None:
    source = "-- @rows rows where y\nINSERT INTO a (x, y) VALUES (:x, :y);"
    rows = [(n, n % 3 == 0) for n in range(48)]
    assert run(connection, source, rows) == ([(n, 1) for n in range(0, 48, 3)], 1)
    connection.execute("DELETE FROM a")
    assert run(connection, source, [(1, False), (2, False)]) == ([], 0)


@pytest.mark.parametrize(("wanted", "statements"), [(False, 0), (True, 1)])
def test_a_statement_may_depend_on_a_set(connection: sqlite3.Connection, wanted: bool, statements: int) -> None:
    source = "-- @if rows where y\nINSERT INTO a (x) SELECT count(*) FROM json_each(:rows.x);"
    found, count = run(connection, source, [(1, False), (2, wanted)])
    assert ([x for x, _ in found], count) == ([2] * statements, statements)


def test_a_set_that_is_empty_is_no_reason(connection: sqlite3.Connection) -> None:
    assert run(connection, "-- @if rows\nINSERT INTO a (x) VALUES (1);", []) == ([], 0)
