"""What a transfer knows of tables and columns is what the migrations say; checksums do not depend on the database."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import dbjobs
from dbjobs.moving.comparing import Sum, sum_of_rows
from dbjobs.moving.copying import Section
from dbjobs.moving.state import Place, place_of
from dbjobs.store.repository import moving
from dbjobs.store.repository.moving import FLAGS, FLOATS, JSON, MOMENTS, TABLES

MIGRATIONS = Path(dbjobs.__file__).parent / "sql" / "postgres" / "migrations"
# What a transfer leaves behind: processes, versions, and what SQLite alone keeps.
NOT_MOVED = {"job_node"}
# Columns that are not read: numbers that only count rows, and what a sum has instead.
SUMMED = {"audit": {"id"}, "job_batch": {"id", "changed_at", "folded"}, "job_worker": {"node_id"}}
# request_stat counts errors, of which a job has a list: comparing tells them apart. A request's meta is JSON as text.
ALSO = {("errors", "bigint"), ("meta", "text")}
KINDS = {"timestamptz": MOMENTS, "boolean": FLAGS, "double precision": FLOATS, "json": JSON, "jsonb": JSON}


def columns_of_tables() -> dict[str, dict[str, str]]:
    """Table -> column -> type, as PostgreSQL's migrations make and change them."""
    text = "\n".join(re.sub(r"--[^\n]*", "", file.read_text()) for file in sorted(MIGRATIONS.glob("*.sql")))
    tables: dict[str, dict[str, str]] = {}
    types = r"(timestamptz|boolean|double precision|jsonb|json|bigint|integer|text)\b"
    for name, body in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?dbjobs\.(\w+) \((.*?)\n\)", text, re.DOTALL):
        tables[name] = dict(re.findall(rf"^\s+(\w+)\s+{types}", body, re.MULTILINE))
    tables["failed_job"] = tables["completed_job"]
    for name, rest in re.findall(r"ALTER TABLE dbjobs\.(\w+)([^;]*);", text):
        tables[name] |= dict(re.findall(rf"ADD COLUMN (?:IF NOT EXISTS )?(\w+)\s+{types}", rest))
    return tables


COLUMNS = columns_of_tables()


def test_every_table_is_moved() -> None:
    assert len(COLUMNS["background_job"]) > 40
    assert {table.name for table in TABLES} == COLUMNS.keys() - NOT_MOVED


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_what_its_type_says(table: moving.MovedTable) -> None:
    for column, kind in COLUMNS[table.name].items():
        if column in SUMMED.get(table.name, ()):
            continue
        for of, names in KINDS.items():
            wanted = kind == of or {kind, of} == {"json", "jsonb"}
            if (column, kind) in ALSO:
                continue
            assert (column in names) >= wanted, f"{table.name}.{column} is {kind}: add it to its set in moving.py"
            if not wanted and names is not KINDS.get(kind):
                assert column not in names, f"{table.name}.{column} is {kind}"
    assert set(table.key) <= COLUMNS[table.name].keys()


def test_a_checksum_is_of_the_values_and_not_of_how_a_database_writes_them() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    columns = ("id", "run_after", "meta", "paused")
    written = '{"a": 1.50, "b": [1, 1e30, 1152921504606846976]}'
    rewritten = '{"b":[1.0,1000000000000000000000000000000,1152921504606846976],"a":1.5}'
    one = sum_of_rows(columns, [[1, moment, written, True], [2, None, None, False]])
    other = sum_of_rows(("paused", "meta", "run_after", "id"), [[False, None, None, 2], [True, rewritten, moment, 1]])
    assert one == other
    assert one != sum_of_rows(columns, [[1, moment, '{"a": 1.51}', True], [2, None, None, False]])
    parts = [sum_of_rows(columns, [row]) for row in ([1, moment, None, True], [2, None, None, False])]
    assert parts[0].plus(parts[1]) == sum_of_rows(columns, [[2, None, None, False], [1, moment, None, True]])
    assert Sum().plus(parts[0]) == parts[0]


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-" + "9" * 309, "1e400"])
def test_a_number_beyond_all_floats_is_compared_by_its_digits(number: str) -> None:
    one = sum_of_rows(("args",), [[f'{{"a":{number}}}']])
    assert one == sum_of_rows(("args",), [[f'{{"a":{number}}}']])
    assert one != sum_of_rows(("args",), [[f'{{"a":{number}0}}']])


def test_texts_that_fit_are_read_at_once_and_a_large_one_alone() -> None:
    assert moving.fitting([], 10) == 0
    assert moving.fitting([4, 4, 4], 10) == 2
    assert moving.fitting([400, 4], 10) == 1
    assert moving.fitting([1, 2, 3], 10) == 3


def test_a_place_comes_back_as_it_was_stored() -> None:
    table = next(table for table in TABLES if table.name == "job_stat")
    key = (datetime(2026, 1, 2, tzinfo=UTC), "a", "b", -(2**63))
    place = Place().behind("job_ref", 7).at(Section(table, None).name, key, 3)
    again = place_of({"place": place.text})
    assert again == place
    assert again.key() == key
