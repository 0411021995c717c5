"""Parameters as SQLite takes them: sets as JSON, times as text, a row's values in the order of the placeholders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from dbjobs.store.statements import Parameter, Table

Pick = Callable[[Sequence[Any]], tuple[Any, ...]]

_MOMENT = "run_after"  # the one column of a set that comes as a datetime


def value_of(value: Any, column: str | None = None) -> Any:
    """A parameter: of a set the rows, or one column of them, as a JSON array."""
    if isinstance(value, Table):
        if column is None or not value.count:  # a statement that has returned nothing has named no columns
            return _encode(value.rows)
        return _encode(value.by_column()[column])
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return _encode(list(value))
    return value


def moment_text(moment: datetime) -> str:
    """A moment as the tables have it. Microseconds, if there are any, still compare as text."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(" ", "microseconds" if utc.microsecond % 1000 else "milliseconds")


def rows_of(table: Table) -> Sequence[Sequence[Any]]:
    """The rows of a set with their moments as text."""
    if _MOMENT not in table.columns:
        return table.rows
    at = list(table.columns).index(_MOMENT)
    return [
        row if not isinstance(row[at], datetime) else (*row[:at], moment_text(row[at]), *row[at + 1 :])
        for row in table.rows
    ]


@lru_cache(maxsize=256)
def picker(parameters: tuple[Parameter, ...], columns: tuple[str, ...]) -> tuple[Pick, tuple[Parameter, ...]]:
    """How to make the values of a statement from a row followed by the scalars, and which scalars these are."""
    scalars = tuple(dict.fromkeys(p for p in parameters if p.column is not None or p.name not in columns))
    places = [len(columns) + scalars.index(p) if p in scalars else columns.index(p.name) for p in parameters]
    if len(places) == 1:
        only = places[0]
        return (lambda row: (row[only],)), scalars
    if places == list(range(len(columns))):
        return tuple, scalars  # the rows as they are
    return itemgetter(*places), scalars


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
