"""One JSON file a run, so that runs can be compared later."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.report.acceptance import Line
from benchmarks.report.figures import Figures

FOLDER = Path(__file__).parents[1] / "results"


def write_results(
    name: str,
    *,
    facts: Mapping[str, str | int],
    run: Mapping[str, object],
    contestants: Mapping[str, Mapping[str, str]],
    figures: Figures,
    lines: Sequence[Line],
) -> Path:
    """Write everything that a run has found.

    Args:
        name: of the file, without its ending.
        facts: what it ran on.
        run: how it was called.
        contestants: settings of each, and what it keeps of a job.

    Returns:
        The file.
    """
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    rows = [
        {"row": row, "unit": unit, "values": {who: _json(values) for who, values in figures.values[row].items()}}
        for row, unit in figures.units.items()
    ]
    failures = [{"row": row, "contestant": who, "reason": reason} for (row, who), reason in figures.failures.items()]
    document = {
        "machine": facts,
        "run": run,
        "contestants": contestants,
        "rows": rows,
        "failures": failures,
        "acceptance": [asdict(line) for line in lines],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def _json(values: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 3) for value in values]
