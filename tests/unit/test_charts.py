"""Charts: round axes, bounded labels, everything escaped, and the same numbers in a table."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import pytest

from dbjobs.admin import charts, wording
from dbjobs.admin.charts import Rank, Series, axes, elements

START = datetime(2026, 10, 27, tzinfo=UTC)
STEPS = [
    (60, timedelta(minutes=1)), (96, timedelta(minutes=15)), (24, timedelta(hours=1)), (84, timedelta(hours=2)),
    (28, timedelta(days=1)), (90, timedelta(days=1)), (52, timedelta(days=7)), (120, timedelta(days=30)),
]  # fmt: skip


@pytest.mark.parametrize(("count", "step"), STEPS)
def test_times_are_few_and_round(count: int, step: timedelta) -> None:
    found = axes.times([START + step * n for n in range(count)])
    assert 1 <= len(found) <= axes.MOST_TIMES
    assert len({text for _, text in found}) == len(found)


@pytest.mark.parametrize("top", [0, 0.4, 1, 7, 99, 100, 1234, 5e6])
def test_an_axis_reaches_over_the_highest_value(top: float) -> None:
    ticks = axes.nice(top, "number")
    assert ticks[0] == 0
    assert top * 0.998 <= ticks[-1] <= max(top * 2, 1)
    assert len(ticks) <= 6


def test_a_label_of_an_axis_is_short_whatever_its_value() -> None:
    decades = [elements.tick(10.0**exponent, "ms") for exponent in range(10)]
    assert decades == ["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "17 min", "2.78 h", "1.16 d", "12 d"]
    for top in (200_000, 5_400_000, 40_000_000, 900_000_000):
        assert all(len(elements.tick(value, "ms")) <= 7 for value in axes.nice(top, "ms"))
    assert [elements.tick(value, "ms") for value in (60_000, 90_000, 5_400_000)] == ["1 min", "90 s", "1.5 h"]


def test_milliseconds_have_steps_of_minutes() -> None:
    assert axes.nice(200_000, "ms") == [0, 60_000, 120_000, 180_000, 240_000]
    assert axes.decades(3, 4_000) == [1, 10, 100, 1_000, 10_000]
    assert axes.decades(10, 10) == [10, 100]


def test_a_chart_is_well_formed_escaped_and_tells_its_numbers() -> None:
    evil = '<script>"&'
    starts = [START + timedelta(hours=n) for n in range(3)]
    series = [Series(evil, [1, None, 3], "completed"), Series("failed", [0, 2, 0], "failed")]
    links = ["?a=1&b=2", None, '?"']
    step = timedelta(hours=1)
    drawn = [
        charts.stacked(starts, series, id="a", title=evil, step=step, links=links, before=[5, None, 1]),
        charts.lines(starts, series, id="b", title=evil, step=step, by_magnitude=True, before=[None, None, None]),
        charts.lines([], [Series("p50", [])], id="c", title="none", step=step),
        charts.columns([evil, "b"], [0, 7], id="d", title="t", links=links[:2]),
        charts.ranks([Rank(evil, 3, "?x"), Rank("y", 0)], id="e", title=evil),
        charts.portions([Rank(evil, n) for n in range(9)], id="f", title=evil),
        charts.portions([], id="g", title="none"),
        charts.share(1.7, label=evil),
        charts.sparkline([], label=evil),
    ]
    for chart in drawn:
        ElementTree.fromstring(str(chart))
        assert "<script" not in chart
        assert " style=" not in chart
    first = ElementTree.fromstring(str(drawn[0]))
    cells = [[cell.text for cell in row] for row in first.iter("tr")]
    assert cells[0] == ["Time", evil, "failed", "the period before"]
    assert cells[2] == ["2026-10-27 01:00 to 02:00", wording.NONE, "2", wording.NONE]
    assert [link.get("href") for link in first.iter("a")] == [links[0], links[2], links[0], links[2]]
    assert 'role="img"' in drawn[0]
    assert first.find(".//title") is not None
