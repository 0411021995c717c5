"""The table of features is true: each row's test exists and runs where the row says, and nothing public is left out."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import dbjobs
from dbjobs.cli.app import app
from dbjobs.models import JobOptions

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "features.md"
DATABASES = {
    "PostgreSQL": "postgres",
    "MySQL": "mysql",
    "MariaDB": "mysql",
    "SQLite": "sqlite",
    "SQL Server": "sqlserver",
}
# No SQL Server has run the tests yet.
PARSED_ONLY = {"sqlserver"}


class Row(NamedTuple):
    feature: str
    cells: dict[str, str]
    test: str

    @property
    def names(self) -> set[str]:
        """What stands in backticks in the feature's own words."""
        return set(re.findall(r"`([^`]+)`", self.feature))


def rows() -> list[Row]:
    """Every line of every table of the page but its head."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) > 2 and not line.startswith(("| ---", "| feature |")):
            assert len(cells) == len(DATABASES) + 2, f"a row has {len(DATABASES) + 2} cells: {line}"
            found.append(Row(cells[0], dict(zip(DATABASES, cells[1:-1], strict=True)), cells[-1].strip("`")))
    return found


ROWS = rows()


def _marks(test: Any, module: Any) -> dict[str, Any]:
    """The markers of a test, its own and its module's, by name."""
    ofs = getattr(module, "pytestmark", [])
    marks = [*(ofs if isinstance(ofs, list) else [ofs]), *getattr(test, "pytestmark", [])]
    return {mark.name: mark for mark in (getattr(mark, "mark", mark) for mark in marks)}


def _cell(database: str, file: str, marks: dict[str, Any]) -> str:
    """What a row says about a database, as ``tests/choice.py`` has it run."""
    dialect = DATABASES[database]
    if "dialect" in marks and dialect not in marks["dialect"].args:
        return "-"
    if "once" in marks or file.startswith("unit/"):
        return "any"
    if dialect in PARSED_ONLY:
        return "parsed only"
    return "as MySQL" if database == "MariaDB" and "/" not in file else "yes"


def _commands(command: Any, name: str) -> list[str]:
    """What can be called on the command line, those of groups too."""
    parts = getattr(command, "commands", None)
    if parts is None:
        return [name]
    return [called for part, inner in parts.items() for called in _commands(inner, f"{name} {part}")]


COMMANDS = _commands(typer.main.get_command(app), "dbjobs")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.test.partition("::")[2] or row.test)
def test_a_row_says_where_its_test_runs(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert (ROOT / "tests" / file).is_file(), f"{row.test}: a test is written as conformance/test_x.py::test_y"
    module = importlib.import_module("tests." + file.removesuffix(".py").replace("/", "."))
    assert hasattr(module, name), f"tests/{file} has no {name}"
    marks = _marks(getattr(module, name), module)
    assert row.cells == {database: _cell(database, file, marks) for database in DATABASES}


def test_a_feature_has_one_row() -> None:
    assert [feature for feature, count in Counter(row.feature for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize(
    "names",
    [dbjobs.__all__, JobOptions.__annotations__, COMMANDS],
    ids=["public names", "options of a job", "commands"],
)
def test_nothing_public_is_left_out(names: Any) -> None:
    told = set().union(*(row.names for row in ROWS))
    assert sorted(set(names) - told) == [], f"add a row to {PAGE.relative_to(ROOT)}"
