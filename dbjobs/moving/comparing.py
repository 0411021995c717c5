"""Compares the tables of two databases by counts and by checksums of all their values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from dbjobs.moving.settings import PAGE_BYTES
from dbjobs.store.database import Database
from dbjobs.store.repository.moving import JSON, MOMENTS, Month, MovedTable, Page, Values, read_page

_BITS = 128
_encode = msgspec.json.Encoder(order="sorted").encode
# We compare JSON numbers from this one on as floats: databases that parse JSON write large ones in their own way.
_EXACT = 2**53


class Sum(NamedTuple):
    """The number of rows, and the sum of their checksums: the same in any order."""

    rows: int = 0
    checksum: int = 0

    def plus(self, other: Sum) -> Sum:
        """The sum of both."""
        return Sum(self.rows + other.rows, (self.checksum + other.checksum) % 2**_BITS)

    @property
    def text(self) -> str:
        """The checksum in hexadecimal digits."""
        return f"{self.checksum:0{_BITS // 4}x}"


async def sum_of(db: Database, table: MovedTable, month: Month | None, seen: Callable[[Page], None]) -> Sum:
    """The sum of a table, or of one of its months.

    Args:
        seen: called with each page.
    """
    total = Sum()
    after = tuple(table.key.values())
    while (page := await read_page(db, table, month, after, PAGE_BYTES)).rows:
        total = total.plus(sum_of_rows(page.columns, page.rows))
        after = page.after
        seen(page)
    return total


def sum_of_rows(columns: Sequence[str], rows: Sequence[Values]) -> Sum:
    """The sum of some rows, whatever the order of their columns."""
    order = sorted(range(len(columns)), key=columns.__getitem__)
    kinds = [(at, _KINDS[columns[place]]) for at, place in enumerate(order) if columns[place] in _KINDS]
    checksum = 0
    for row in rows:
        values = [row[place] for place in order]
        for at, canonical in kinds:
            if values[at] is not None:
                values[at] = canonical(values[at])
        checksum += int.from_bytes(hashlib.blake2b(_encode(values), digest_size=_BITS // 8).digest())
    return Sum(len(rows), checksum % 2**_BITS)


def _moment(value: Any) -> str:
    text: str = value.isoformat(timespec="microseconds")
    return text


def json_value(text: Any) -> Any:
    """The value of a JSON text, the same from every database."""
    if not isinstance(text, str):  # a number: request_stat counts errors, while a job's errors are a list
        return text
    try:
        return _numbers(msgspec.json.decode(text))
    except msgspec.DecodeError:  # a number too large for a float, written without the library: its text
        return text


def _numbers(value: Any) -> Any:
    """A JSON value with its numbers written as in every database."""
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, int) and abs(value) >= _EXACT:
        try:
            return float(value)
        except OverflowError:  # JSON has no limit on whole numbers
            return str(value)
    return value


_KINDS: dict[str, Callable[[Any], Any]] = {**dict.fromkeys(MOMENTS, _moment), **dict.fromkeys(JSON, json_value)}
