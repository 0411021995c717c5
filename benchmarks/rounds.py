"""Runs scenarios in rounds: in each round every contestant has its turn, and each round begins with another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from benchmarks.peers import NotOffered
from benchmarks.report.figures import Figures
from benchmarks.report.table import number
from benchmarks.scenarios import Field, Measured, Scenario, Turn


async def run_rounds(field: Field, scenarios: Iterable[Scenario], repeat: int) -> Figures:
    """Measure each scenario `repeat` times and print every value as it comes."""
    figures = Figures()
    for scenario in scenarios:
        turns = scenario.turns(field)
        print(f"{scenario.name}: {scenario.about}", flush=True)
        for round_number in range(repeat):
            first = round_number % len(turns)
            for turn in (*turns[first:], *turns[:first]):
                await _take(field, scenario, turn, figures)
    await field.site.tables.reset()
    return figures


async def _take(field: Field, scenario: Scenario, turn: Turn, figures: Figures) -> None:
    if (scenario.name, turn.who) in figures.failures:
        return
    # For the peers too: it writes down what the turn before has left in memory.
    await field.site.tables.reset()
    try:
        measured = await turn.measure()
    except NotOffered as missing:
        figures.fail(scenario.name, turn.who, f"not offered: {missing}")
    except Exception as error:
        # One contestant that fails must not cost the figures of all the others.
        figures.fail(scenario.name, turn.who, _reason(error))
    else:
        values = _by_row(scenario, measured)
        for row, value in values.items():
            figures.add(row, turn.who, value, scenario.unit)
        print(f"  {turn.who:<24}{_shown(scenario, values)} {scenario.unit}", flush=True)
        return
    for row in scenario.rows:
        figures.add(row, turn.who, math.nan, scenario.unit)
    print(f"  {turn.who:<24}{figures.failures[scenario.name, turn.who]}", flush=True)


def _reason(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def _by_row(scenario: Scenario, measured: Measured) -> dict[str, float]:
    if isinstance(measured, Mapping):
        return {f"{scenario.name} {part}": value for part, value in measured.items()}
    return dict.fromkeys(scenario.rows, measured)


def _shown(scenario: Scenario, values: Mapping[str, float]) -> str:
    if len(set(values.values())) == 1:
        return number(next(iter(values.values())))
    return ", ".join(f"{row.removeprefix(scenario.name).strip()} {number(value)}" for row, value in values.items())
