"""What people look at enters each table by a key, on SQLite: no statement of theirs walks a table of jobs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import dbjobs
from dbjobs import Jobs
from dbjobs.store.directives import Directive, split
from dbjobs.store.statements import PARAMETER

pytestmark = pytest.mark.dialect("sqlite")

SQL = Path(dbjobs.__file__).parent / "sql" / "sqlite"
ASKED = (
    "find_jobs",
    "explain_job",
    "list_jobs",
    "list_tagged",
    "list_batch",
    "get_jobs",
    "sample_waits",
    "list_workers",
    "list_rollups",
    "mean_runs",
    "pulse",
    "pulse_jobs",
    "promote_jobs",
    "find_expired",
    "pull_in_retries",
    "find_retries_ahead",
    "find_unused_queues",
    "list_live_queues",
    "drop_queues",
    "sum_stats",
    "take_rollups",
)
KNOWN = frozenset(Directive._fields)


@pytest.mark.parametrize("name", ASKED)
async def test_no_table_of_jobs_is_walked(url: str, tmp_path: Path, name: str) -> None:
    async with Jobs(url):  # makes the tables
        pass
    main = sqlite3.connect(url.removeprefix("sqlite:///"))
    month = sqlite3.connect(tmp_path / "month.db")
    month.executescript((SQL / "make_partition.sql").read_text())
    month.execute("ATTACH DATABASE ? AS live", (url.removeprefix("sqlite:///"),))
    plans: list[str] = []
    for text, directive in split((SQL / f"{name}.sql").read_text(), KNOWN):
        values: dict[str, Any] = dict.fromkeys([match[1] for match in PARAMETER.finditer(text)])
        connection = month if directive.months else main
        plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    main.close()
    month.close()
    # A scan "USING INDEX" is one in the order of an index, which a LIMIT ends.
    assert [
        line for line in plans if line.startswith("SCAN") and line.endswith(("_job", "_rollup", "_stat", "_queue"))
    ] == []
    assert any("SEARCH" in line for line in plans)
