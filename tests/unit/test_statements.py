"""The SQL files: the same names in every dialect, every one used, parameters found."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import dbjobs
from dbjobs.store.mysql import values as mysql_values
from dbjobs.store.sqlite import values as sqlite_values
from dbjobs.store.statements import Parameter, Statements, Table
from tests.unit.result_columns import result_of

PACKAGE = Path(dbjobs.__file__).parent
SQL = PACKAGE / "sql"
DIALECTS = [name for name in ("postgres", "sqlite", "mysql", "sqlserver") if (SQL / name).is_dir()]
# What one dialect alone needs: COPY returns no ids, so PostgreSQL draws them first; SQLite's history is in files of
# their own, one a month, that are attached and filled; elsewhere a transaction's borders, and what a connection is told
# first, are statements like others.
ONLY_IN = {
    "postgres": {"allocate_ids", "copy_jobs", "limit_idle", "ping"},
    "sqlite": {
        "archive_month",
        "copy_requests",
        "copy_rows",
        "find_unarchived",
        "forget_archived",
        "make_nodes",
        "note_archived",
        "open_connection",
        "open_nodes",
    },
    "mysql": {
        "auto_increment",
        "begin",
        "caller_settings",
        "check_transaction",
        "commit",
        "copy_rows",
        "count_transactions",
        "find_own_parents",
        "find_own_refs",
        "hold_ref",
        "insert_bulk",
        "kill_connection",
        "note_transaction",
        "open_connection",
        "release_locks",
        "reserve_ref",
    },
    "sqlserver": {
        "add_month",
        "add_request_month",
        "begin",
        "commit",
        "copy_numbered_rows",
        "copy_rows",
        "count_transactions",
        "delete_month",
        "delete_request_month",
        "kill_connection",
        "open_batch",
        "open_callers_batch",
        "open_connection",
        "ping",
        "rollback",
        "split_partition",
        "split_request_month",
        "truncate_partition",
        "truncate_request_month",
    },
}
# Statements whose rows, if they return any, nobody reads.
WITHOUT_RESULT = {
    "discard_jobs",
    "drop_partition",
    "drop_request_month",
    "drop_transfer",
    "fold_stats",
    "lock_schema",
    "make_partition",
    "make_request_month",
    "make_transfer",
    "notify",
    "raise_ids",
    "set_queue",
}
# NOTIFY is a call with a result.
NOT_READ = ("noticed",)


class Note(msgspec.Struct):
    """A row as a struct."""

    id: int
    error: str | None


def names(dialect: str) -> set[str]:
    return {file.stem for file in (SQL / dialect).glob("*.sql")}


def common_names(dialect: str) -> set[str]:
    return names(dialect) - ONLY_IN[dialect]


_ASKS = re.compile(r"\b(?:fetch|script|_script|source|text|steps|_apply)\(\s*(?:\w+,\s*)?\"([a-z_]+)\"")


def used_names() -> set[str]:
    """Every statement that the Python code asks for by name, or a script (SQL Server's) as the one that goes on."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        found |= set(_ASKS.findall(file.read_text()))
        found |= set(re.findall(r"\b(?:read|size)=\"([a-z_]+)\"", file.read_text()))  # a table of a transfer
    for file in SQL.rglob("*.sql"):
        for following in re.findall(r"^SELECT ([^;]*) AS next\b", file.read_text(), re.MULTILINE):
            found |= set(re.findall(r"'([a-z_]+)'", following))
    return found


def test_no_dialect_is_overlooked() -> None:
    folders = {folder.name for folder in SQL.iterdir() if any(folder.glob("*.sql"))}
    assert folders == set(DIALECTS)
    assert {name for name in ONLY_IN if (PACKAGE / "store" / name).is_dir()} <= folders


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_same_statements(dialect: str) -> None:
    assert common_names(dialect) == common_names("postgres")
    assert names(dialect) >= ONLY_IN[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_same_migrations(dialect: str) -> None:
    def migrations(dialect: str) -> list[str]:
        return sorted(file.name for file in (SQL / dialect / "migrations").iterdir())

    assert migrations(dialect) == migrations("postgres")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_has_the_same_result_in_every_dialect(dialect: str) -> None:
    """The same columns at the same places: rows are read by name and, where there are many, by position."""
    different = {}
    for name in sorted(common_names(dialect) & common_names("postgres") - WITHOUT_RESULT):
        expected, found = (columns_of(SQL / d / f"{name}.sql") for d in ("postgres", dialect))
        if found != expected:
            different[name] = (found, expected)
    assert different == {}


def columns_of(file: Path) -> tuple[str, ...]:
    """The columns that a statement answers with, and that are read."""
    result = result_of(file.read_text())
    if result is None:
        return ()
    columns = [column for column in result.columns if column not in NOT_READ]
    # A set that later statements of the file use may have more, behind those that every dialect has.
    siblings = SQL / "postgres" / file.name
    if result.is_a_set and siblings != file:
        columns = columns[: len(columns_of(siblings))]
    return tuple(columns)


def test_every_statement_that_is_asked_for_exists() -> None:
    assert used_names() <= set().union(*map(names, DIALECTS))


def test_every_statement_that_exists_is_asked_for() -> None:
    assert set().union(*map(names, DIALECTS)) <= used_names()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_file_says_why_it_is_as_it_is_or_is_short(dialect: str) -> None:
    for file in (SQL / dialect).glob("*.sql"):
        text = file.read_text()
        assert "--" in text or len(text) < 700, f"{file.name} has no comment"


def load(text: str) -> tuple[str, tuple[Parameter, ...]]:
    statements = Statements("postgres", lambda text: text, lambda number, _: f"${number}")
    prepared = statements.prepare("test", text)
    return prepared.text, prepared.parameters


def test_a_name_is_bound_once_and_casts_are_left_alone() -> None:
    text, parameters = load("SELECT :a::text, :b, :a WHERE x::int = :c.d AND y = ':'")
    assert text == "SELECT $1::text, $2, $1 WHERE x::int = $3 AND y = ':'"
    assert parameters == (Parameter("a", None), Parameter("b", None), Parameter("c", "d"))


def test_comments_are_not_sent() -> None:
    statements = Statements("postgres", lambda text: text, lambda number, _: f"${number}")
    assert "--" not in statements["claim_jobs"].text


def test_the_schema_is_put_in() -> None:
    statements = Statements("postgres", lambda text: text.replace("dbjobs.", '"mine".'), lambda number, _: f"${number}")
    assert "dbjobs." not in statements["claim_jobs"].text
    assert '"mine".background_job' in statements["claim_jobs"].text


def test_a_table_is_turned_on_its_side() -> None:
    assert Table(("a", "b"), [(1, "x"), (2, "y")]).by_column() == {"a": (1, 2), "b": ("x", "y")}
    assert Table(("a", "b"), []).by_column() == {"a": (), "b": ()}


def test_rows_are_counted_and_columns_sent_without_making_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    turned, empty = Table.turned({"id": [1, 2], "error": ["x", None]}), Table.turned({"id": [], "error": []})
    records = Table.of([Note(1, "x"), Note(2, None), Note(3, None)])
    monkeypatch.setattr(Table, "rows", property(lambda table: pytest.fail(f"rows were made of {table.columns}")))
    assert [table.count for table in (turned, empty, records, Table(("id",), [(1,)]), Table(("id",), []))] == [
        2, 0, 3, 1, 0,
    ]  # fmt: skip
    assert sqlite_values.value_of(turned, "id") == "[1,2]"
    assert mysql_values.in_pieces({"outcomes": turned}) == [{"outcomes": turned}]


def test_a_set_without_rows_need_not_know_its_columns() -> None:
    assert sqlite_values.value_of(Table((), []), "id") == "[]"
    assert sqlite_values.value_of(Table.turned({"id": []}), "id") == "[]"
