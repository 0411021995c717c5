"""The structs of a row and the lists of its columns in the SQL files say the same, in every dialect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbjobs
from dbjobs.store.postgres import copy
from dbjobs.store.records import Claimed, NewJob, ProgressReport
from dbjobs.store.repository import outcomes
from tests.unit.result_columns import result_of

SQL = Path(dbjobs.__file__).parent / "sql"
DIALECTS = ("postgres", "mysql", "sqlite", "sqlserver")
NEW = NewJob.__struct_fields__
# What the database counts from its own clock, and what it decides.
STORED_AS = {"delay_seconds": "run_after", "expires_seconds": "expires_at"}
DECIDED = {"state", "unresolved", "created_at", "line"}
# What jobs of enqueue_many do not have (see fits_bulk), so that no bulk statement names it.
NOT_IN_BULK = {
    "ref_id", "batch_id", "depends_on", "depends_on_policy", "pending", "delay_seconds", "run_after", "expires_seconds",
}  # fmt: skip


def text(dialect: str, name: str) -> str:
    """A file without its comments, but for its directives."""
    return re.sub(r"--(?! @)[^\n]*", "", (SQL / dialect / f"{name}.sql").read_text())


def listed(source: str, before: str) -> list[str]:
    """The first words of a list in parentheses behind a text."""
    found = re.search(before + r"\s*\(", source)
    assert found is not None, before
    depth, item, items = 1, "", list[str]()
    for character in source[found.end() :]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 or (depth == 1 and character == ","):
            items.append(item.split()[0])
            item = ""
        else:
            item += character
        if depth == 0:
            return items
    raise AssertionError(f"no end of the list behind {before}")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["claim_jobs", "claim_lanes"])
def test_a_claim_answers_with_the_fields_of_claimed(dialect: str, name: str) -> None:
    result = result_of((SQL / dialect / f"{name}.sql").read_text())
    assert result is not None
    assert result.columns == Claimed.__struct_fields__


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_insert_fills_every_field_of_a_new_job(dialect: str) -> None:
    filled = listed(text(dialect, "insert_jobs"), r"INSERT INTO dbjobs[._]background_job")
    assert len(filled) == len(set(filled))
    assert set(filled) - DECIDED == {STORED_AS.get(field, field) for field in NEW}


def test_an_insert_reads_every_field_of_a_new_job() -> None:
    assert tuple(listed(text("postgres", "insert_jobs"), r"json_to_recordset\([^)]*\) AS")) == NEW
    assert (*NEW, "position") == tuple(listed(text("postgres", "insert_jobs"), r"WITH ORDINALITY AS t"))
    assert tuple(listed(text("sqlite", "insert_jobs"), "WITH job")) == NEW
    assert tuple(item[1:] for item in listed(text("sqlite", "insert_jobs"), "VALUES")) == NEW
    assert set(re.findall(r":([a-z_]+)", text("mysql", "insert_jobs"))) == set(NEW)
    sqlserver = text("sqlserver", "insert_jobs")
    bodies = re.findall(r"JSON_QUERY\(item\.value, '\$\.([a-z_]+)'\)", sqlserver)
    assert sorted([*listed(sqlserver, r"OPENJSON\(item\.value\) WITH"), *bodies]) == sorted(NEW)


def test_a_bulk_statement_names_what_its_rows_have() -> None:
    assert tuple(listed(text("postgres", "copy_jobs"), r"COPY dbjobs\.background_job")) == copy.COLUMNS
    assert ("id", *(field for field in NEW if field not in NOT_IN_BULK)) == copy.COLUMNS
    mysql = text("mysql", "insert_bulk")
    filled = [column for column in listed(mysql, "INSERT INTO dbjobs_background_job") if column != "line"]
    # The policy is the table's default in any case.
    assert filled == [field for field in NEW if field not in NOT_IN_BULK - {"depends_on_policy"}]
    assert [item[1:] for item in listed(mysql, "VALUES")][: len(filled)] == filled


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "columns"),
    [("finish_jobs", outcomes.FINISH_COLUMNS), ("update_progress", ProgressReport.__struct_fields__)],
)
def test_a_statement_reads_every_column_of_its_set(dialect: str, name: str, columns: tuple[str, ...]) -> None:
    source = text(dialect, name)
    assert [column for column in columns if re.search(rf"\b{column}\b", source) is None] == []
