"""Output: tables for people, JSON for programs, plain aligned text for pipes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from dbjobs.cli.streams import clean as clean
from dbjobs.cli.streams import one_line as one_line
from dbjobs.commands.codec import dumps_typed
from dbjobs.wording import lasting

_GAP = "  "

STATE_STYLES = {
    "scheduled": "cyan",
    "waiting": "cyan",
    "queued": "blue",
    "started": "yellow",
    "executed": "yellow",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: its heading.
        right: numbers stand to the right.
        may_shrink: on a terminal that is too narrow, this column is cut; all others are kept whole.
        optional: on a terminal it is left out when no row has a value for it.
    """

    name: str
    right: bool = False
    may_shrink: bool = False
    optional: bool = False


def write_json(value: Any, *, indent: int | None = None) -> None:
    """One JSON document on stdout: on one line, or indented."""
    text = dumps_typed(value)
    if indent is not None:
        text = msgspec.json.format(text, indent=indent)
    # Flushed, because a program at the other end of a pipe may be waiting for this line.
    print(text, flush=True)


def pretty(value: Any) -> str:
    """A JSON value for people."""
    return clean(msgspec.json.format(dumps_typed(value), indent=2))


def write(text: str = "", style: str | None = None) -> None:
    """Text on stdout, as it is: not wrapped, not read as markup."""
    if style is None or not sys.stdout.isatty():
        print(text, flush=True)
    else:
        Console().print(Text(text, style=style), soft_wrap=True)


def write_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, styles: Mapping[str, str] | None = None
) -> None:
    """A table: cut to fit on a terminal; whole and plain in a pipe.

    Args:
        styles: how cells with exactly this text look on a terminal.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(cell_len(column.name), *(cell_len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    if not sys.stdout.isatty():
        for line in ([column.name for column in columns], *([cell or "-" for cell in row] for row in cells)):
            padded = (_fit(cell, width, column) for cell, width, column in zip(line, widths, columns, strict=True))
            print(_GAP.join(padded).rstrip())
        return
    console = Console()
    shown = [i for i, column in enumerate(columns) if not column.optional or any(row[i] for row in cells)]
    # Not rich's own table: when a terminal is too narrow it cuts every column, the ids as well.
    room = console.width - sum(widths[i] for i in shown) - len(_GAP) * (len(shown) - 1)
    for i in shown:
        if columns[i].may_shrink and room < 0:
            widths[i] = max(widths[i] + room, len(columns[i].name))
    for line, look in (([column.name for column in columns], "bold"), *((row, None) for row in cells)):
        texts = [
            Text(_fit(line[i], widths[i], columns[i]), style=look or (styles or {}).get(line[i], "")) for i in shown
        ]
        console.print(Text(_GAP).join(texts), soft_wrap=True)


def _fit(cell: str, width: int, column: Column) -> str:
    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + "…"
    space = " " * (width - cell_len(cell))
    return space + cell if column.right else cell + space


# --- values -------------------------------------------------------------------------------------


def moment(value: datetime | None, *, millis: bool = False) -> str:
    """A time for people, in UTC; empty if there is none."""
    if value is None:
        return ""
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds" if millis else "seconds")
    return text if not millis else text + "Z"


def milliseconds(value: float | None) -> str:
    """A duration for people; empty if there is none."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.2g} ms" if value >= 0.01 else "under 0.01 ms"
    return f"{value:.0f} ms" if value < 1000 else lasting(value / 1000)


def share(progress: float | None, estimate: float | None = None) -> str:
    """How far a job is; ``~40%`` is an estimate; empty if neither is known."""
    if progress is not None:
        return f"{progress:.0%}"
    return "" if estimate is None else f"~{estimate:.0%}"
