"""`dbjobs sql` shows every statement of every database, and the README explains every directive in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dbjobs.cli.app import app
from dbjobs.cli.sql import sql
from dbjobs.store.mysql import database as mysql
from dbjobs.store.postgres import database as postgres
from dbjobs.store.schemas import in_schema
from dbjobs.store.sqlite import database as sqlite
from dbjobs.store.statements import Statements

SQL = Path(__file__).parents[2] / "dbjobs" / "sql"
DIALECTS = ["postgres", "mysql", "sqlite", "sqlserver"]


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["sql", *arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_statements_are_listed_and_each_is_printed_whole(dialect: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = {file.stem: file for file in (SQL / dialect).glob("*.sql")}
    files |= {f"migrations/{file.stem}": file for file in (SQL / dialect / "migrations").glob("*.sql")}
    head, *lines = run("--dialect", dialect).splitlines()
    assert head.split() == ["NAME", "WHAT"]
    assert {line.split()[0] for line in lines} == set(files)
    assert all(len(line.split()) > 1 for line in lines)
    for name, file in files.items():
        sql(name, dialect)
        said, printed = capsys.readouterr().out.split("\n", 1)
        assert said.startswith(f"-- {name}, as {dialect} runs it. ")
        assert printed.strip() == file.read_text().strip()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_statement_has_the_tables_of_its_schema(dialect: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As the library runs it for an application with that schema."""
    statements = {
        "postgres": lambda: postgres._statements("mine"),
        "mysql": lambda: mysql._scripts("mine").statements,
        "sqlite": lambda: sqlite._statements("mine")[0],
        "sqlserver": lambda: Statements("sqlserver", in_schema("sqlserver", "mine"), lambda number, parameter: "?"),
    }[dialect]()
    for name in ("claim_jobs", "list_queues", "count_live"):
        sql(name, dialect, "mine")
        printed = capsys.readouterr().out.split("\n", 1)[1]
        assert printed.strip() == statements.source(name).strip()
        assert "mine" in printed
    sql("make_schema", dialect, "mine")
    assert "dbjobs" not in capsys.readouterr().out


def test_a_schema_that_is_no_plain_name_is_refused() -> None:
    assert "schema 'Mine; --' must be" in " ".join(run("claim_jobs", "--schema", "Mine; --", code=2).split())


def test_a_statement_s_values_are_named() -> None:
    assert "Parameters: :node_id, :limit." in run("find_held")
    assert ":jobs (a set)" in run("insert_jobs", "-d", "mysql").splitlines()[0]
    assert ":outcomes (a set: id, attempt" in run("retry_jobs").splitlines()[0]
    assert ":moved" not in run("finish_jobs", "-d", "sqlite").splitlines()[0], "its own statement makes this one"
    assert "It takes no parameters." in run("list_queues.sql")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["claim_job"], "there is no statement 'claim_job' for postgres; did you mean claim_jobs"),
        (["copy_jobs", "-d", "mysql"], "for mysql;"),
        (["xyzzy", "-d", "sqlite"], "'dbjobs sql --dialect sqlite' lists them"),
        (["-d", "oracle"], "'oracle' is not one of mysql, postgres, sqlite, sqlserver"),
    ],
)
def test_what_is_not_there_is_named(arguments: list[str], words: str) -> None:
    assert words in " ".join(run(*arguments, code=2).split())


def test_every_directive_is_explained() -> None:
    """By its words: what they are about (names of sets and columns) differs from file to file."""
    table = (SQL / "README.md").read_text().partition("## Directives")[2]
    directives = re.findall(r"^-- @(.*)", "\n".join(file.read_text() for file in SQL.rglob("*.sql")), re.MULTILINE)
    assert len(directives) > 50
    words = {
        "each",
        "rows",
        "if",
        "union",
        "as",
        "packed",
        "months",
        "nodes",
        "requests",
        "where",
        "numbered",
        "unless",
        "taken",
    }
    words |= {"of", "in", "ascending", "descending", "<>", "on", "mysql", "mariadb"}
    for directive in directives:
        first, *others = directive.split()
        assert first in words, directive
        for word in {first, *(words & set(others))}:
            assert re.search(rf"`[^`]*(?<!\w){word}(?!\w)[^`]*`", table), f"{word}: {directive}"
