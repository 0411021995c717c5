"""The figures as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.report.acceptance import Line
from benchmarks.report.figures import DRAIN, OURS, RAW, RAW_ONE, Figures

_NONE = "-"


def figures_table(figures: Figures) -> str:
    """One line a row: ours (median, least and most), the raw limit and how we compare, then everybody else."""
    others = list(dict.fromkeys(who for row in figures.values.values() for who in row if who not in (OURS, RAW, DRAIN)))
    lines = [["scenario", "unit", "dbjobs", "(min - max)", "raw", "/ raw", "/ drain", *others]]
    for row, unit in figures.units.items():
        lines.append(
            [
                row,
                unit,
                number(figures.median(row, OURS)),
                _span(figures.of(row, OURS)),
                number(figures.median(row, RAW)),
                _ratio(figures.ratio(row, OURS, RAW)),
                _ratio(figures.ratio(row, OURS, DRAIN)),
                *(number(figures.median(row, who)) for who in others),
            ]
        )
    return "\n".join(_aligned(lines))


def raw_note(figures: Figures) -> str | None:
    """How concurrent enqueues compare with both ways of the bare driver; None if they were not measured."""
    ratios = [figures.ratio("enqueue_concurrent", OURS, who) for who in (RAW_ONE, RAW)]
    if any(map(math.isnan, ratios)):
        return None
    return (
        f"enqueue_concurrent is {ratios[0]:.2f} times the bare driver's one caller that commits each job, "
        f"and {ratios[1]:.2f} times its many callers that do so."
    )


def acceptance_table(lines: Sequence[Line]) -> str:
    """One line a demand: what it is, what was measured, the bound, and PASS or FAIL."""
    rows = [[line.demand, number(line.value), line.bound, "PASS" if line.passed else "FAIL"] for line in lines]
    return "\n".join(_aligned(rows))


def number(value: float) -> str:
    """A value as people read it: thousands with commas, small ones with two decimals."""
    if math.isnan(value):
        return _NONE
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def _span(values: Sequence[float]) -> str:
    there = [value for value in values if not math.isnan(value)]
    return f"({number(min(there))} - {number(max(there))})" if len(there) > 1 else ""


def _ratio(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:.2f}"


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()
