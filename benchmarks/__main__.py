"""Measures dbjobs beside the bare driver and, if asked, beside other libraries, and judges the figures."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

from benchmarks.peers import Dialect
from benchmarks.run import Run, run
from benchmarks.scenarios import SCENARIOS
from benchmarks.server import NoServer

# Each is loaded when it is asked for: a web stack and a test framework in the process that is measured would double
# what Python's collector walks through, and slow down whatever is measured.
APART = {
    "soak": "benchmarks.soak.run",
    "schedules": "benchmarks.soak.schedules",
    "batches": "benchmarks.soak.batches",
    "transfer": "benchmarks.transfer",
    "pages": "benchmarks.pages.run",
}


def main() -> None:
    """Parse the arguments, measure, print; the exit code is 1 if dbjobs failed in a scenario."""
    if sys.argv[1:2] and sys.argv[1] in APART:
        measure = import_module(APART[sys.argv[1]]).main
        try:
            sys.exit(0 if measure(sys.argv[2:]) else 1)
        except NoServer as error:
            sys.exit(str(error))
    parser = _parser()
    given = parser.parse_args()
    for name in given.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name!r}; the scenarios are {', '.join(SCENARIOS)}")
    if given.url and given.db == "sqlite":
        parser.error("--url names a server; SQLite files are made in the temporary folder")
    chosen = Run(
        dialect=given.db,
        scenarios=tuple(given.scenario) or tuple(SCENARIOS),
        url=given.url,
        peers=given.peers,
        scale=given.jobs_scale,
        repeat=given.repeat,
        chart=given.chart,
    )
    try:
        sound = run(chosen)
    except NoServer as error:
        sys.exit(str(error))
    sys.exit(0 if sound else 1)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {scenario.name:<20}{scenario.about}" for scenario in SCENARIOS.values())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"scenarios:\n{listed}\n\n'python -m benchmarks soak --help' and "
        "'python -m benchmarks schedules --help' tell of two runs that measure no rate, 'python -m benchmarks batches "
        "--help' of what batches do when nodes are killed, 'python -m benchmarks transfer --help' of one that moves "
        "jobs, 'python -m benchmarks pages --help' of the admin page at a million jobs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", help="which ones (default: all)")
    parser.add_argument("--db", choices=get_args(Dialect), default="postgres")
    parser.add_argument(
        "--url",
        help="a server to make databases on (default: a throwaway one; for SQL Server that of DBJOBS_TEST_SQLSERVER)",
    )
    parser.add_argument("--peers", action="store_true", help="measure other libraries in the same rounds")
    parser.add_argument("--jobs-scale", type=float, default=1.0, help="times the jobs of every scenario")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; figures are medians")
    parser.add_argument("--chart", type=Path, help="also draw the rates into this SVG file")
    return parser


if __name__ == "__main__":
    main()
