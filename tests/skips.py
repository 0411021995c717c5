"""Skips of one reason are one line of the summary: a database that is missing leaves out hundreds of tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any


def fold(reports: Iterable[Any], place: str) -> None:
    """Let reports that skipped for the same reason at several places name one place, so that pytest folds them.

    Args:
        reports: pytest's reports of skipped tests; each has (path, line, reason) as its ``longrepr``.
        place: what they name instead of a path.
    """
    by_reason: dict[str, list[Any]] = defaultdict(list)
    for report in reports:
        if isinstance(report.longrepr, tuple | list) and len(report.longrepr) == 3:
            by_reason[report.longrepr[2]].append(report)
    for reason, alike in by_reason.items():
        if len({tuple(report.longrepr[:2]) for report in alike}) > 1:
            for report in alike:
                report.longrepr = (place, None, reason)
