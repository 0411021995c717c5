"""A transfer's reports: how far it is, and how it ended."""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """How far a transfer is.

    Attributes:
        doing: ``"copying"`` or ``"comparing"``.
        table: the current table.
        month: of its history, as 'YYYYMM'; empty for a table without months.
        rows: rows done of this table and month.
        rows_per_second: over all tables, in this run.
    """

    doing: str
    table: str
    month: str
    rows: int
    rows_per_second: float


class TableReport(msgspec.Struct, frozen=True):
    """One table, compared.

    Attributes:
        source_rows, target_rows: how many rows there are.
        source_checksum, target_checksum: of all values; the same for the same rows in any order, in any database.
    """

    table: str
    source_rows: int
    target_rows: int
    source_checksum: str
    target_checksum: str

    @property
    def is_equal(self) -> bool:
        """True if both sides have the same rows."""
        return (self.source_rows, self.source_checksum) == (self.target_rows, self.target_checksum)


class Transferred(msgspec.Struct, frozen=True):
    """A finished transfer; both sides were found equal.

    Attributes:
        tables: what was compared.
        copied: rows that this run copied; the others were there from an earlier one.
        resumed: an earlier run had begun it.
        seconds: how long this run took.
    """

    tables: tuple[TableReport, ...]
    copied: int
    resumed: bool
    seconds: float
