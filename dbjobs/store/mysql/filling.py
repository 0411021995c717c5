"""Whole rows of a transfer with the columns that only MySQL's tables have, which follow from the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

_Rows = Sequence[Sequence[Any]]

# Tables that are split by month -> the moment that decides, and the column that says it.
_MONTHS = {
    "completed_job": ("created_at", "created_month"),
    "failed_job": ("created_at", "created_month"),
    "job_log": ("job_created_at", "created_month"),
    "request_log": ("at", "month"),
    "request_stat": ("hour", "month"),
}
# Not a column here: the month says all that is needed of it.
_REPLACED = {"job_created_at"}


def with_derived(table: str, columns: Sequence[str], rows: _Rows) -> tuple[Sequence[str], _Rows]:
    """The columns and rows as the tables have them."""
    if table == "background_job":
        line = _line_of(columns)
        return [*columns, "line"], [[*row, line(row)] for row in rows]
    if table not in _MONTHS:
        return columns, rows
    moment, month = _MONTHS[table]
    at = list(columns).index(moment)
    kept = [place for place, column in enumerate(columns) if column not in _REPLACED]
    return (
        [*(columns[place] for place in kept), month],
        [[*(row[place] for place in kept), _month(row[at])] for row in rows],
    )


def _month(moment: datetime) -> int:
    return moment.year * 100 + moment.month


def _line_of(columns: Sequence[str]) -> Callable[[Sequence[Any]], str | None]:
    """Which line a live job that no node holds stands in, as the CHECK of its table has it."""
    at: Mapping[str, int] = {column: place for place, column in enumerate(columns)}

    def line(row: Sequence[Any]) -> str | None:
        state = row[at["state"]]
        if state == "queued":
            worker = row[at["worker"]]
            return f"q:{row[at['queue']]}" if worker is None else f"w:{worker}"
        if state == "scheduled":
            return "due"
        return "unresolved" if state == "waiting" and row[at["unresolved"]] else None

    return line
