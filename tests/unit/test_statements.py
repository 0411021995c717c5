"""The SQL files: the same names in every dialect, every one used, parameters found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbjobs
from dbjobs.store.statements import Parameter, Statements, Table

PACKAGE = Path(dbjobs.__file__).parent
DIALECTS = ("postgres", "sqlite")
# What one dialect alone needs: COPY returns no ids, so PostgreSQL draws them first; SQLite's history is in files of
# their own, one a month, that are attached and filled.
ONLY_IN = {
    "postgres": {"allocate_ids", "copy_jobs"},
    "sqlite": {"archive_month", "find_unarchived", "forget_archived", "open_connection"},
}


def names(dialect: str) -> set[str]:
    return {file.stem for file in (PACKAGE / "sql" / dialect).glob("*.sql")}


def used_names() -> set[str]:
    """Every statement that the Python code asks for by name."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        found |= set(re.findall(r"\b(?:fetch|script|text|_apply)\(\s*(?:\w+,\s*)?\"([a-z_]+)\"", file.read_text()))
    return found


def test_every_dialect_has_the_same_statements() -> None:
    assert names("postgres") - ONLY_IN["postgres"] == names("sqlite") - ONLY_IN["sqlite"]


def test_every_dialect_has_the_same_migrations() -> None:
    one, other = (sorted(file.name for file in (PACKAGE / "sql" / d / "migrations").iterdir()) for d in DIALECTS)
    assert one == other


def test_every_statement_that_is_asked_for_exists() -> None:
    assert used_names() <= names("postgres") | names("sqlite")


def test_every_statement_that_exists_is_asked_for() -> None:
    assert names("postgres") | names("sqlite") <= used_names()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_file_says_why_it_is_as_it_is_or_is_short(dialect: str) -> None:
    for file in (PACKAGE / "sql" / dialect).glob("*.sql"):
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
