"""Arithmetic of months."""

from __future__ import annotations

import pytest

from dbjobs.store.transactions.partitions import month_after


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [
        ("202401", 1, "202402"),
        ("202412", 1, "202501"),
        ("202401", -1, "202312"),
        ("202401", 0, "202401"),
        ("202411", 14, "202601"),
        ("202402", -26, "202112"),
    ],
)
def test_months_go_over_years(month: str, count: int, expected: str) -> None:
    assert month_after(month, count) == expected
