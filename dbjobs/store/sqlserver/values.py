"""Parameters as SQL Server's driver takes them, and rows as the rest of the library reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyodbc

from dbjobs.store.named_rows import NamedRow, row_type
from dbjobs.store.statements import Parameter, Table

# The one column of a result in which a statement packs all its rows.
PACKED = "packed"
# Columns of packed rows that are moments; JSON has only their text.
_MOMENTS = {
    "run_after", "expires_at", "created_at", "started_at", "executed_at", "completed_at", "cancel_requested_at",
    "at", "minute",
}  # fmt: skip
# Columns of sets that hold JSON. They go as JSON, not as text within JSON, and in an array of one: see insert_jobs.sql.
_JSON = {"depends_on", "request_body", "response_body", "retry", "args", "meta", "failure"}
# Columns of sets that hold long texts of any kind: strings, in an array of one too (see the function json_text).
_TEXTS = {"error", "status", "message"}

Size = tuple[int, int, int]
# A text is always NVARCHAR(MAX): with its own length as its size, the server would plan each length anew. The drivers
# have different words for it, and each refuses the other's.
_TEXT: Size = (pyodbc.SQL_WVARCHAR, 0, 0)
_TEXT_OF_FREETDS: Size = (pyodbc.SQL_WLONGVARCHAR, 0, 0)
_SIZES: dict[type, Size] = {
    bool: (pyodbc.SQL_BIT, 0, 0),
    int: (pyodbc.SQL_BIGINT, 0, 0),
    float: (pyodbc.SQL_DOUBLE, 0, 0),
}


def values_of(parameters: Sequence[Parameter], given: dict[str, Any]) -> list[Any]:
    """The values of a statement's parameters, sets as JSON, in the order of its placeholders."""
    return [_value(given[parameter.name]) for parameter in parameters]


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)  # the driver knows no enumerations
    if isinstance(value, Table):
        return _encode([_record(value.columns, row) for row in value.rows])
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, Iterable):
        return _encode(list(value))
    return value


def _record(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A row of a set; what is NULL is left out."""
    return {
        column: _in_an_array(column, value) for column, value in zip(columns, row, strict=True) if value is not None
    }


def _in_an_array(column: str, value: Any) -> Any:
    if column in _JSON:
        return msgspec.Raw(f"[{value}]".encode())
    return [value] if column in _TEXTS else value


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def sizes_of(values: Sequence[Any], *, freetds: bool) -> list[Size]:
    """The types under which the driver announces these values; NULL goes as a text."""
    text = _TEXT_OF_FREETDS if freetds else _TEXT
    return [_SIZES.get(type(value), text) for value in values]


def rows_of(columns: Sequence[str], values: Sequence[Sequence[Any]]) -> Sequence[NamedRow]:
    """The rows of a result; unpacked if they come as one JSON text."""
    if list(columns) == [PACKED]:
        text = values[0][0] if values else None
        return _unpacked(text) if text else ()
    kind = row_type(tuple(columns))
    return [kind(row) for row in values]


def _unpacked(text: str) -> Sequence[NamedRow]:
    records: list[dict[str, Any]] = msgspec.json.decode(text)
    if not records:
        return ()
    kind = row_type(tuple(records[0]))
    moments = _MOMENTS.intersection(records[0])
    for record in records:
        for name in moments:
            if record[name] is not None:
                record[name] = datetime.fromisoformat(record[name])
    return [kind(record.values()) for record in records]
