"""What is for SQL Server parses with Microsoft's own parser: other servers of its protocol take what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import dbjobs
from tests.dialects.sqlserver.tsql import Unavailable, check_files

FOLDER = Path(dbjobs.__file__).parent / "sql" / "sqlserver"


def mistakes_in(files: list[Path]) -> str:
    try:
        return check_files(files)
    except Unavailable as error:
        notice = f"T-SQL LEFT OUT: {error}"
        if os.environ.get("CI"):
            pytest.fail(notice, pytrace=False)
        pytest.skip(notice)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no dialect for SQL Server yet")
def test_every_file_parses() -> None:
    files = sorted(FOLDER.rglob("*.sql"))
    assert files
    assert mistakes_in(files) == ""


def test_every_statement_of_the_benchmark_parses(tmp_path: Path) -> None:
    pytest.importorskip("pyodbc", reason="SQL Server's driver is not installed", exc_type=ImportError)
    from benchmarks.raw import sqlserver as raw
    from benchmarks.tables import sqlserver as tables

    files = []
    for module in (raw, tables):
        for name, text in vars(module).items():
            if name.isupper() and isinstance(text, str) and name not in ("_COLUMNS", "_FILLED", "NOOP"):
                files.append(tmp_path / f"{module.__name__}{name}.sql")
                files[-1].write_text(text.replace("?", ":value"))
    assert files
    assert mistakes_in(files) == ""


def test_what_is_wrong_is_caught(tmp_path: Path) -> None:
    right = tmp_path / "right.sql"
    right.write_text(
        "-- A comment's apostrophe is no text.\n"
        "DECLARE @ids nvarchar(max) = :ids;\n"
        "UPDATE TOP (:room) j SET state = N':no parameter' OUTPUT inserted.id\n"
        "FROM dbjobs.background_job AS j WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK)\n"
        "WHERE j.id IN (SELECT value FROM OPENJSON(@ids));\n"
        "ALTER PARTITION FUNCTION {function} () SPLIT RANGE (202601);\n"
    )
    wrong = {
        "limit": "SELECT id FROM dbjobs.background_job ORDER BY id LIMIT 5;",
        "returning": "DELETE FROM dbjobs.job_node WHERE id = :node_id RETURNING id;",
        "conflict": "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING;",
        "cast": "SELECT 1::int;",
        "hint": "SELECT id FROM t WITH (UPDLOCK READPAST WHERE id = 1;",
        "unclosed": "BEGIN TRANSACTION; IF 1 = 1 BEGIN SELECT 1;",
        "reserved": "CREATE TABLE t (order int);",
    }
    for name, text in wrong.items():
        (tmp_path / f"{name}.sql").write_text(text)
    found = mistakes_in([right, *(tmp_path / f"{name}.sql" for name in wrong)])
    assert {Path(line.partition(":")[0]).stem for line in found.splitlines()} == set(wrong)
    assert f"{tmp_path / 'limit.sql'}:1:" in found
