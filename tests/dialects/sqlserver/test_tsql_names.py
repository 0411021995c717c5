"""SQL Server's files name tables, columns, indexes and variables that exist, and insert as many values as columns.

The parser (test_tsql.py) knows the syntax alone, and there is no server here to tell the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import dbjobs
from tests.unit.result_columns import (
    closing_of,
    items_of,
    places_outside,
    result_of,
    statements_in,
    without_quantifiers,
)

FOLDER = Path(dbjobs.__file__).parent / "sql" / "sqlserver"
# The names in these are put in by the library.
_NAMED_LATER = {"copy_rows", "copy_numbered_rows"}
FILES = sorted(file for file in FOLDER.glob("*.sql") if file.stem not in _NAMED_LATER)
MIGRATIONS = "\n".join(file.read_text() for file in sorted((FOLDER / "migrations").iterdir()))

# Tables that a file makes by itself.
_OTHERS = {"schema_version": {"version", "applied_at"}, "transfer": {"name", "value"}}
_NOT_A_COLUMN = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
_SOURCE = ("FROM", "JOIN", "INTO", "UPDATE", "APPLY")
_HINTED = re.compile(r"\bdbjobs\.(?P<table>\w+)(?:\s+AS\s+\w+)?\s+WITH\s*\((?P<hints>(?:[^()]|\([^()]*\))*)\)")
_END_OF_LIST = {"FROM", "WHERE", "GROUP", "HAVING", "UNION", "ORDER", "OPTION", "FOR"}


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


@cache
def tables() -> dict[str, set[str]]:
    """Columns of each table and view, by name."""
    found = dict(_OTHERS)
    for text in re.split(r";|^GO$", without_comments(MIGRATIONS), flags=re.MULTILINE):
        if match := re.search(r"CREATE TABLE dbjobs\.(\w+)\s*\(", text):
            found[match[1]] = _declared(text[match.end() - 1 :])
        elif match := re.search(r"ALTER TABLE dbjobs\.(\w+) ADD (?!CONSTRAINT)(\w+)", text):
            found[match[1]].add(match[2])
        elif match := re.search(r"CREATE VIEW dbjobs\.(\w+) AS(.*)", text, re.DOTALL):
            result = result_of(match[2] + ";")
            assert result is not None
            found[match[1]] = set(result.columns)
    return found


@cache
def indexes() -> dict[str, str]:
    """The table of each index, by the index's name."""
    text = without_comments(MIGRATIONS)
    found = dict(re.findall(r"CREATE (?:UNIQUE |CLUSTERED )*INDEX (\w+) ON dbjobs\.(\w+)", text))
    for table in tables():
        found[f"{table}_pkey"] = table
    return found


def _declared(text: str) -> set[str]:
    """The columns of a table's declaration, which starts with its bracket."""
    (_, tokens), *_ = statements_in(text + ";")
    return {item[0] for item in items_of(tokens[1 : closing_of(tokens, 0)]) if item[0].upper() not in _NOT_A_COLUMN}


def variables(text: str) -> dict[str, set[str]]:
    """Columns of each table variable of a file, by name."""
    return {match[1]: _declared(text[match.end() - 1 :]) for match in re.finditer(r"DECLARE (@\w+) TABLE\s*\(", text)}


def columns_in(name: str, local: dict[str, set[str]]) -> set[str]:
    found = local.get(name) if name.startswith("@") else tables().get(name)
    assert found is not None, f"there is no table {name}"
    return found


def sources(tokens: list[str]) -> Iterator[tuple[str, str | None]]:
    """(table, alias) of every table that a statement names."""
    for at, token in enumerate(tokens):
        if token == "dbjobs" and tokens[at + 1 : at + 2] == ["."] and at and tokens[at - 1].upper() in _SOURCE:
            name, behind = tokens[at + 2], at + 3
        elif token.startswith("@") and at and tokens[at - 1].upper() in _SOURCE:
            name, behind = token, at + 1
        else:
            continue
        aliased = tokens[behind : behind + 1] == ["AS"]
        yield name, tokens[behind + 1] if aliased else None


def statements_of(file: Path) -> list[list[str]]:
    return [tokens for _, tokens in statements_in(file.read_text()) if tokens]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_columns_exist(file: Path) -> None:
    local = variables(without_comments(file.read_text()))
    for tokens in statements_of(file):
        known: dict[str, set[str]] = {}
        for name, alias in sources(tokens):
            known.setdefault(alias or name, set()).update(columns_in(name, local))
        for at, token in enumerate(tokens):  # what stands for a query, and not for a table
            if token == ")" and tokens[at + 1 : at + 2] == ["AS"]:
                known.pop(tokens[at + 2], None)
        for at in range(len(tokens) - 2):
            owner, dot, column = tokens[at : at + 3]
            if dot == "." and owner in known and column != "*":
                assert column.strip("[]") in known[owner], f"{owner}.{column}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_columns_that_are_set_exist(file: Path) -> None:
    local = variables(without_comments(file.read_text()))
    for tokens in statements_of(file):
        for at, token in enumerate(tokens):
            if token.upper() != "UPDATE":
                continue
            target = tokens[at + 3] if tokens[at + 1] == "dbjobs" else tokens[at + 1]
            alias = {alias: name for name, alias in sources(tokens) if alias is not None}
            columns = columns_in(alias.get(target, target), local)
            start = next(place for place in range(at, len(tokens)) if tokens[place].upper() == "SET") + 1
            rest = tokens[start:]
            ends = [place for place in places_outside(rest) if rest[place].upper() in {"FROM", "WHERE", "OUTPUT"}]
            for item in items_of(rest[: ends[0] if ends else len(rest)]):
                assert item[0] in columns, item[0]
                assert item[1] == "="


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_inserts_have_as_many_values_as_columns(file: Path) -> None:
    local = variables(without_comments(file.read_text()))
    for tokens in statements_of(file):
        for at, token in enumerate(tokens):
            if token.upper() != "INTO" or tokens[at - 1].upper() != "INSERT":
                continue
            name = tokens[at + 3] if tokens[at + 1] == "dbjobs" else tokens[at + 1]
            behind = at + (4 if tokens[at + 1] == "dbjobs" else 2)
            available = columns_in(name, local)
            if tokens[behind] != "(":
                wanted = len(available)
            else:
                closing = closing_of(tokens, behind)
                listed = [item[0] for item in items_of(tokens[behind + 1 : closing])]
                assert set(listed) <= available, set(listed) - available
                assert len(set(listed)) == len(listed)
                wanted, behind = len(listed), closing + 1
            assert _values(tokens[behind:]) == wanted, f"INSERT INTO {name}"


def _values(tokens: list[str]) -> int:
    """How many values each row has that the query or the list of VALUES gives."""
    outside = places_outside(tokens)
    start = next(at for at in outside if tokens[at].upper() in {"SELECT", "VALUES"})
    if tokens[start].upper() == "VALUES":
        return len(items_of(tokens[start + 2 : closing_of(tokens, start + 1)]))
    end = next((at for at in outside if at > start and tokens[at].upper() in _END_OF_LIST), len(tokens))
    return len(items_of(without_quantifiers(tokens[start + 1 : end])))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_indexes_exist_on_their_tables(file: Path) -> None:
    for match in _HINTED.finditer(without_comments(file.read_text())):
        for index in re.findall(r"INDEX \((\w+)\)", match["hints"]):
            assert indexes().get(index) == match["table"], f"{index} on {match['table']}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_variables_are_declared(file: Path) -> None:
    text = without_comments(file.read_text())
    text = re.sub(
        r"EXEC(?:\s+@\w+ =)?\s+sp_\w+", "", re.sub(r"@(?:Resource|LockMode|LockOwner|LockTimeout) =", "", text)
    )
    declared: set[str] = set()
    for declaration in re.findall(r"\bDECLARE\b(.*?);", text, re.DOTALL):
        declared |= set(re.findall(r"(?<!@)@\w+", declaration))
    assert set(re.findall(r"(?<!@)@\w+", text)) <= declared


def test_a_mistake_is_seen(tmp_path: Path) -> None:
    right = (
        "DECLARE @ids nvarchar(max) = :ids;\n"
        "DECLARE @found TABLE (id bigint NOT NULL PRIMARY KEY, queue nvarchar(9));\n"
        "INSERT INTO @found (id, queue)\nSELECT TOP (5) j.id, j.queue\nFROM OPENJSON(@ids) WITH (id bigint '$') AS i\n"
        "JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = i.id;\n"
        "UPDATE j SET state = N'x', priority = 1 FROM @found AS f JOIN dbjobs.background_job AS j ON j.id = f.id;\n"
    )
    checks = (
        test_columns_exist,
        test_columns_that_are_set_exist,
        test_inserts_have_as_many_values_as_columns,
        test_indexes_exist_on_their_tables,
        test_variables_are_declared,
    )
    file = tmp_path / "some.sql"
    file.write_text(right)
    for check in checks:
        check(file)
    wrong = [
        ("j.queue", "j.quue", test_columns_exist),
        ("f.id;", "f.ident;", test_columns_exist),
        ("priority = 1", "prio = 1", test_columns_that_are_set_exist),
        ("j.id, j.queue\n", "j.id\n", test_inserts_have_as_many_values_as_columns),
        ("(background_job_pkey)", "(completed_job_pkey)", test_indexes_exist_on_their_tables),
        ("OPENJSON(@ids)", "OPENJSON(@other)", test_variables_are_declared),
    ]
    for before, after, check in wrong:
        assert before in right
        file.write_text(right.replace(before, after))
        with pytest.raises(AssertionError):
            check(file)
