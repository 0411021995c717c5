"""The comments that direct the statements of an SQL file: one grammar, and each dialect says what it knows of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbjobs
from dbjobs.store.directives import NOTHING, Directive, parse, split
from dbjobs.store.sqlite.script import Script

SQL = Path(dbjobs.__file__).parent / "sql"
EVERYTHING = frozenset(Directive._fields)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("as moved", Directive(name="moved")),
        ("each moved", Directive(each="moved")),
        ("each moved where worker as x", Directive(each="moved", where="worker", name="x")),
        ("each refs unless taken r", Directive(each="refs", taken="r")),
        ("rows jobs where worker", Directive(rows="jobs", rows_where="worker")),
        ("rows jobs numbered ref_id", Directive(rows="jobs", numbered="ref_id")),
        (
            "union idle as head packed worker id",
            Directive(union="idle", name="head", packed=True, columns=("worker", "id")),
        ),
        ("if ends where state <> done", Directive(only_if="ends", where="state", other="done")),
        ("if head packed", Directive(only_if="head", packed=True)),
        (
            "months descending of away in place as ended",
            Directive(months=True, order="descending", of="away", within="place", name="ended"),
        ),
        ("on mysql", Directive(server="mysql")),
        ("on mariadb union idle as head", Directive(server="mariadb", union="idle", name="head")),
        ("nodes as alive", Directive(nodes=True, name="alive")),
        ("packed", Directive(packed=True)),
    ],
)
def test_what_a_directive_means(text: str, meaning: Directive) -> None:
    assert parse(f"-- @{text}") == meaning


@pytest.mark.parametrize(
    "text",
    [
        "what",
        "each",
        "rows jobs where",
        "union a numbered b",
        "if a unless taken b",
        "as moved id",
        "months x",
        "on sqlite",
    ],
)
def test_what_is_no_directive_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown directive"):
        parse(f"-- @{text}")


def test_a_directive_of_another_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no such directive \(nodes\): -- @nodes as alive"):
        list(split("-- @nodes as alive\nSELECT 1;", EVERYTHING - {"nodes"}))


def test_a_script_with_an_unknown_directive_is_refused() -> None:
    with pytest.raises(ValueError, match="-- @every jobs"):
        Script("-- @every jobs\nSELECT 1;\n")


def test_a_directive_is_for_the_statement_below_it_alone() -> None:
    source = "-- why\nDELETE FROM a; -- so\n\n-- @as b\n-- why\nSELECT 1;\nSELECT 2;\n"
    assert list(split(source, EVERYTHING)) == [
        ("DELETE FROM a", NOTHING),
        ("SELECT 1", Directive(name="b")),
        ("SELECT 2", NOTHING),
    ]


def test_every_directive_of_the_files_is_one_and_is_explained() -> None:
    lines = {line for file in SQL.rglob("*.sql") for line in file.read_text().splitlines() if line.startswith("-- @")}
    used = {field for line in lines for field, value in parse(line)._asdict().items() if value}
    assert used == EVERYTHING
    readme = (SQL / "README.md").read_text()
    grammar = readme[readme.index("-- @ [on mysql") : readme.rindex("```")]
    words = {word for line in lines for word in line.removeprefix("-- @").split()}
    keywords = set(re.findall(r"[a-z]{2,}|<>", grammar)) - {"subject"}
    assert keywords - words == set()
    for keyword in keywords:
        assert re.search(rf"\| .*`[^`|]*(?<!\w){keyword}(?!\w)[^`|]*`", readme), f"{keyword} is not explained"
