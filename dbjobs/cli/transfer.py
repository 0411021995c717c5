"""`dbjobs transfer`: move all jobs from one database to another."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from dbjobs.cli.connection import run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson
from dbjobs.cli.output import Column, write, write_json, write_table
from dbjobs.errors import TransferMismatch
from dbjobs.moving import PARTS, Progress, TableReport, reopen
from dbjobs.moving import transfer as move
from dbjobs.wording import counted, lasting

_TABLE = (
    Column("TABLE"),
    Column("SOURCE", right=True),
    Column("TARGET", right=True),
    Column("CHECKSUM"),
    Column("EQUAL"),
)
_STYLES = {"yes": "green", "NO": "bold red"}
_TOLD_EVERY_SECONDS = 1.0


def transfer(
    source: Annotated[str, typer.Argument(envvar="DBJOBS_SOURCE", metavar="SOURCE", help="URL of the old database.")],
    target: Annotated[
        str | None, typer.Argument(envvar="DBJOBS_TARGET", metavar="TARGET", help="URL of the new one, without jobs.")
    ] = None,
    source_schema: Annotated[
        str, typer.Option("--source-schema", metavar="NAME", help="Schema or prefix of the source's tables.")
    ] = DEFAULT_SCHEMA,
    target_schema: Annotated[
        str, typer.Option("--target-schema", metavar="NAME", help="Schema or prefix of the target's tables.")
    ] = DEFAULT_SCHEMA,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="PART", help=f"Leave a part behind ({', '.join(PARTS)}); may be repeated."),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Only take the mark off the source, so that it may be used again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move all jobs to another database.

    Stop every worker, and everything that enqueues, first. Killed at any moment, it goes on where it was when it is run
    again. Source and target refuse workers and clients meanwhile, and the source afterwards.
    """
    if undo:
        other = run(reopen(source, schema=source_schema))
        write(f"the source may be used again; what was copied to {other} is still there")
        return
    if target is None:
        raise typer.BadParameter("no target: give SOURCE and TARGET", param_hint="TARGET")
    parts = [part for part in PARTS if part in (without or ())]
    if unknown := sorted(set(without or ()) - set(PARTS)):
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(PARTS)}", param_hint="--without")
    line = _Line()
    try:
        done = run(
            move(
                source,
                target,
                source_schema=source_schema,
                target_schema=target_schema,
                without=parts,
                progress=None if as_json else line,
            )
        )
    except TransferMismatch as mismatch:
        if not as_json:
            _write_reports(mismatch.reports)
        raise
    finally:
        line.end()
    if as_json:
        write_json(done)
        return
    _write_reports(done.tables)
    write(
        f"copied {counted(done.copied, 'row')} in {lasting(done.seconds)}"
        + (" (the others were there from the run before)" if done.resumed else "")
        + "; source and target are equal. The source is closed: give your application the target's URL now."
    )


def _write_reports(reports: Sequence[TableReport]) -> None:
    rows = [
        (
            report.table,
            f"{report.source_rows:,}",
            f"{report.target_rows:,}",
            report.source_checksum[:12],
            "yes" if report.is_equal else "NO",
        )
        for report in reports
    ]
    write_table(_TABLE, rows, styles=_STYLES)


class _Line:
    """Progress on stderr: one line that changes on a terminal, lines now and then elsewhere."""

    def __init__(self) -> None:
        self._told = -_TOLD_EVERY_SECONDS
        self._section = ""
        self._on_terminal = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        section = f"{progress.doing} {progress.table} {progress.month}".strip()
        now = time.monotonic()
        if section == self._section and now - self._told < _TOLD_EVERY_SECONDS:
            return
        self._section, self._told = section, now
        text = f"{section}: {counted(progress.rows, 'row')}, {progress.rows_per_second:,.0f}/s"
        print(f"\r{text:<100}" if self._on_terminal else text, end="" if self._on_terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line on a terminal as it is."""
        if self._on_terminal and self._section:
            print(file=sys.stderr, flush=True)
