"""The figures of a run: one value for each row, contestant and round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OURS, RAW, DRAIN = "dbjobs", "raw", "drain"
# The bare driver's two ways to commit each job by itself: one caller, or as many as the scenario has.
RAW_ONE = "raw, one caller"


@dataclass
class Figures:
    """What was measured.

    Attributes:
        values: row -> contestant -> one value a round, NaN where it failed. A row is a scenario, or a
            scenario and a word (``backlog first``). The contestants are ``OURS``, ``RAW``, ``RAW_ONE``,
            ``DRAIN`` (our own plain drain, measured in the same rounds) and the peers by name.
        units: row -> unit.
        failures: (row, contestant) -> why it has no figure.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, row: str, who: str, value: float, unit: str) -> None:
        """Note the value of one round."""
        self.units[row] = unit
        self.values.setdefault(row, {}).setdefault(who, []).append(value)

    def fail(self, row: str, who: str, reason: str) -> None:
        """Note that a contestant has no figure."""
        self.failures[row, who] = reason

    def of(self, row: str, who: str) -> list[float]:
        """Values, one a round; empty if there are none."""
        return self.values.get(row, {}).get(who, [])

    def median(self, row: str, who: str) -> float:
        """The median over the rounds; NaN if there are none."""
        return median(self.of(row, who))

    def ratio(self, row: str, who: str, other: str, other_row: str | None = None) -> float:
        """The median over the rounds of `who` divided by `other` in the same round; NaN if one is missing."""
        ours, theirs = self.of(row, who), self.of(other_row or row, other)
        return median([one / another for one, another in zip(ours, theirs, strict=False) if another])


def median(values: Sequence[float]) -> float:
    """The median of the values that are there; NaN if none is."""
    there = [value for value in values if not math.isnan(value)]
    return statistics.median(there) if there else math.nan


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """The values that 50, 95 and 99 of a hundred do not exceed."""
    ordered = sorted(values)
    return {f"p{part}": ordered[math.ceil(part / 100 * len(ordered)) - 1] for part in (50, 95, 99)}
