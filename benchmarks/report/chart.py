"""The rates as bars, in an SVG file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from benchmarks.report.figures import DRAIN, OURS, RAW, RAW_ONE, Figures, median
from benchmarks.report.table import number

_WIDTH, _LEFT, _RIGHT = 860, 290, 90
_BAR, _GAP, _ROW_GAP, _TOP, _BOTTOM = 14, 3, 20, 56, 16
_COLOURS = {OURS: "#2563eb", RAW: "#9ca3af", RAW_ONE: "#9ca3af", DRAIN: "#93c5fd"}
_OTHER_COLOUR = "#f59e0b"
_NAMES = {DRAIN: "dbjobs, plain drain"}
_TEXT = 'font-family="system-ui, sans-serif" font-size="12" fill="#111827"'


def write_chart(path: Path, figures: Figures, subtitle: str) -> None:
    """Draw the median of everybody in every row that is a rate; a row's longest bar is its fastest contestant."""
    rows = {row: _medians(figures, row) for row, unit in figures.units.items() if unit == "jobs/s"}
    body: list[str] = []
    y = _TOP
    for row, medians in rows.items():
        body.append(f'<text x="16" y="{y + _BAR - 3}" {_TEXT} font-weight="600">{escape(row)}</text>')
        most = max(medians.values())
        for who, value in medians.items():
            body += _bar(y, who, value, most)
            y += _BAR + _GAP
        y += _ROW_GAP
    height = y - _ROW_GAP + _BOTTOM
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="16" y="24" {_TEXT} style="font-size:15px" font-weight="600">jobs per second, median</text>\n'
        f'<text x="16" y="42" {_TEXT} style="fill:#6b7280">{escape(subtitle)}</text>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _medians(figures: Figures, row: str) -> Mapping[str, float]:
    medians = {who: median(values) for who, values in figures.values[row].items()}
    return {who: value for who, value in medians.items() if value > 0}


def _bar(y: int, who: str, value: float, most: float) -> list[str]:
    length = max(1.0, value / most * (_WIDTH - _LEFT - _RIGHT))
    middle = y + _BAR - 3
    colour = _COLOURS.get(who, _OTHER_COLOUR)
    return [
        f'<text x="{_LEFT - 8}" y="{middle}" {_TEXT} text-anchor="end">{escape(_NAMES.get(who, who))}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>',
        f'<text x="{_LEFT + length + 6:.1f}" y="{middle}" {_TEXT}>{number(value)}</text>',
    ]
