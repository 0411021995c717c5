"""Compares tables of two databases by counts and checksums of all their values."""

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
# From here on a number in JSON is compared as a float: databases that parse JSON write large ones in their own way.
_EXACT = 2**53


class Sum(NamedTuple):
    """How many rows, and the sum of their checksums: the same in whatever order they come."""

    rows: int = 0
    checksum: int = 0

    def plus(self, other: Sum) -> Sum:
        """Both together."""
        return Sum(self.rows + other.rows, (self.checksum + other.checksum) % 2**_BITS)

    @property
    def text(self) -> str:
        """The checksum in hexadecimal digits."""
        return f"{self.checksum:0{_BITS // 4}x}"


async def sum_of(db: Database, table: MovedTable, month: Month | None, seen: Callable[[Page], None]) -> Sum:
    """The sum of a table, or of one of its months.

    Args:
        seen: is given each page.
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
    if not isinstance(text, str):  # a number: the errors of request_stat are counted, those of a job are a list
        return text
    try:
        return _numbers(msgspec.json.decode(text))
    except msgspec.DecodeError:  # a number beyond all floats, put there past the library: its text
        return text


def _numbers(value: Any) -> Any:
    """A JSON value with its numbers as every database would write them."""
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, int) and abs(value) >= _EXACT:
        try:
            return float(value)
        except OverflowError:  # whole numbers have no end in JSON
            return str(value)
    return value


_KINDS: dict[str, Callable[[Any], Any]] = {**dict.fromkeys(MOMENTS, _moment), **dict.fromkeys(JSON, json_value)}
