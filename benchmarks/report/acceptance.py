"""What the figures must show, as ratios of what was measured in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.peers import Dialect
from benchmarks.report.figures import DRAIN, OURS, RAW, RAW_ONE, Figures

_LARGEST_GROWTH = 1.05


@dataclass(frozen=True)
class Line:
    """One demand and what was measured.

    Attributes:
        demand: such as ``drain / raw``.
        bound: such as ``>= 0.5``.
        value: NaN if it was not measured.
        passed: None if it was not measured.
    """

    demand: str
    bound: str
    value: float
    passed: bool | None


def acceptance(figures: Figures, dialect: Dialect, peers: list[str]) -> list[Line]:
    """Every demand on what was measured; one that nothing was measured for is left out."""
    lines = [*_everywhere(figures, peers), *(_postgres(figures, peers) if dialect == "postgres" else ())]
    lines += _loads(figures)
    return [line for line in lines if line.passed is not None]


def _everywhere(figures: Figures, peers: list[str]) -> Iterator[Line]:
    yield _least("drain / raw", figures.ratio("drain", OURS, RAW), 0.5)
    for peer in peers:
        yield _more(f"drain / {peer}", figures.ratio("drain", OURS, peer))
    yield _most("commits per 100 jobs of a drain", figures.median("cost commits", OURS), 3)
    growth = figures.ratio("memory after", OURS, OURS, "memory half")
    yield _most("memory after all jobs / after half of them", growth, _LARGEST_GROWTH)


def _postgres(figures: Figures, peers: list[str]) -> Iterator[Line]:
    yield _more("drain_two / drain", figures.ratio("drain_two", OURS, DRAIN))
    one_caller = figures.ratio("enqueue_concurrent", OURS, RAW_ONE)
    yield _least("enqueue_concurrent / raw, one caller that commits each", one_caller, 3)
    yield _least("enqueue_many / raw COPY", figures.ratio("enqueue_many", OURS, RAW), 0.3)
    for peer in peers:
        yield _more(f"enqueue_many / {peer}", figures.ratio("enqueue_many", OURS, peer))
    yield _less("dead rows at a steady load", figures.median("bloat steady", OURS), 20_000)
    yield _less("latency p50, ms", figures.median("latency p50", OURS), 3)
    yield _less("latency p99, ms", figures.median("latency p99", OURS), 20)


def _loads(figures: Figures) -> Iterator[Line]:
    for row in ("backlog first", "backlog next", "scheduled", "lanes"):
        yield _least(f"{row} / drain", figures.ratio(row, OURS, DRAIN, row), 0.8)
    yield _least("pinned last / drain", figures.ratio("pinned last", OURS, DRAIN), 0.7)
    yield _least("many_lanes / drain", figures.ratio("many_lanes", OURS, DRAIN), 0.3)
    for row in figures.units:
        if row.startswith("open_callers"):
            yield _least(f"{row} / without", figures.median(row, OURS), 0.9)
    yield _least("names / drain", figures.ratio("names", OURS, DRAIN), 0.9)
    yield _least("polled / drain", figures.ratio("polled plain", OURS, DRAIN), 0.97)
    yield _most("io_bound / the ideal", figures.ratio("io_bound", OURS, "ideal"), 1.15)


def _least(demand: str, value: float, bound: float) -> Line:
    return _line(demand, f">= {bound:g}", value, value >= bound)


def _more(demand: str, value: float) -> Line:
    return _line(demand, "> 1", value, value > 1)


def _most(demand: str, value: float, bound: float) -> Line:
    return _line(demand, f"<= {bound:g}", value, value <= bound)


def _less(demand: str, value: float, bound: float) -> Line:
    return _line(demand, f"< {bound:g}", value, value < bound)


def _line(demand: str, bound: str, value: float, passed: bool) -> Line:
    return Line(demand, bound, value, None if math.isnan(value) else passed)
