"""`dbjobs top`: the overview of the admin page, in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, Schema, Url
from dbjobs.cli.output import STATE_STYLES, milliseconds, one_line
from dbjobs.errors import DatabaseError
from dbjobs.inspect.numbers import Stat
from dbjobs.jobs import Jobs
from dbjobs.models import NodeInfo, QueueInfo

VIEWS = ("commands", "queues", "nodes")
STATES = ("queued", "scheduled", "waiting", "started", "executed")
HOUR_SECONDS, MINUTE_SECONDS = 3600.0, 60.0
# Counting of live jobs ends here, in each state.
BOUND = 10_000
ESCAPE = "\x1b"


@dataclass(frozen=True)
class Seen:
    """What one look has found; the operations of the admin page ask the same functions."""

    at: datetime
    counts: dict[tuple[str, str], int]
    queues: list[QueueInfo]
    nodes: list[NodeInfo]
    commands: list[Stat]
    by_queue: list[Stat]
    minute: Stat | None


@dataclass
class Screen:
    """What the keys have chosen.

    Attributes:
        view: the table that is shown.
        first: its first row on the screen.
        trouble: why the last look has found nothing.
    """

    view: int = 0
    first: int = 0
    paused: bool = False
    over: bool = False
    trouble: str = ""

    def press(self, key: str) -> None:
        """Do what a key says."""
        match key:
            case "q" | "\x03":
                self.over = True
            case "p" | " ":
                self.paused = not self.paused
            case "right" | "\t":
                self.view, self.first = (self.view + 1) % len(VIEWS), 0
            case "left":
                self.view, self.first = (self.view - 1) % len(VIEWS), 0
            case "down" | "j":
                self.first += 1
            case "up" | "k":
                self.first = max(self.first - 1, 0)


def top(
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.5, help="How often it looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end; so it does in a pipe.")] = False,
) -> None:
    """Show what runs, what waits and what ended, and keep it up to date.

    Keys: q ends it, p pauses it, left and right change the table, up and down go through its rows.
    """
    run(_top(url, schema, every, once or not sys.stdout.isatty()))


async def _top(url: str | None, schema: str, every: float, once: bool) -> None:
    async with opened(url, schema) as jobs:
        screen, console = Screen(), Console()
        seen = await look(jobs)
        if once:
            console.print(frame(seen, screen, None))
            return
        pressed = asyncio.Event()

        def press(key: str) -> None:
            screen.press(key)
            pressed.set()

        with keys(press), Live(console=console, screen=True, auto_refresh=False) as live:
            while not screen.over:
                live.update(frame(seen, screen, console.height - 7), refresh=True)
                pressed.clear()
                try:
                    await asyncio.wait_for(pressed.wait(), None if screen.paused else every)
                    continue
                except TimeoutError:
                    pass
                try:
                    seen, screen.trouble = await look(jobs), ""
                except DatabaseError as error:
                    screen.trouble = one_line(str(error))


async def look(jobs: Jobs) -> Seen:
    """Ask once."""
    minute = await jobs.stats(by=None, seconds=MINUTE_SECONDS)
    return Seen(
        at=datetime.now(UTC),
        counts=await jobs.counts(bound=BOUND),
        queues=await jobs.queues.list(),
        nodes=await jobs.nodes(),
        commands=await jobs.stats(by="command", seconds=HOUR_SECONDS),
        by_queue=await jobs.stats(by="queue", seconds=HOUR_SECONDS),
        minute=minute[0] if minute else None,
    )


def frame(seen: Seen, screen: Screen, rows: int | None) -> Group:
    """What is on the screen.

    Args:
        rows: of the table that have room; None: all of them.
    """
    states = dict.fromkeys(STATES, 0)
    for (_, state), count in seen.counts.items():
        states[state] = states.get(state, 0) + count
    alive = sum(node.alive and not node.buried for node in seen.nodes)
    head = Text.assemble(
        ("dbjobs", "bold"), f"  {seen.at:%H:%M:%S} UTC  ",
        (f"{alive} node{'' if alive == 1 else 's'}", "" if alive else "bold red"),
        ("  paused" if screen.paused else "", "yellow"),
        (f"  stale: {screen.trouble}" if screen.trouble else "", "bold red"),
    )  # fmt: skip
    live = Text("  ").join(
        Text.assemble((f"{state} ", STATE_STYLES[state]), _bounded(count)) for state, count in states.items()
    )
    last = seen.minute
    ended = Text(
        "nothing ended in the last minute"
        if last is None
        else f"last minute: {last.completed:,} completed, {last.failed:,} failed, {last.retried:,} retried, "
        f"waited p95 {milliseconds(last.wait.p95) or '-'}, ran p95 {milliseconds(last.run.p95) or '-'}"
    )
    tabs = Text("  ").join(Text(name, "reverse" if at == screen.view else "dim") for at, name in enumerate(VIEWS))
    columns, lines = _table(VIEWS[screen.view], seen)
    screen.first = min(screen.first, max(len(lines) - 1, 0))
    shown = lines[screen.first :] if rows is None else lines[screen.first : screen.first + max(rows, 1)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for position, name in enumerate(columns):
        table.add_column(name, justify="left" if position == 0 else "right", no_wrap=True, overflow="ellipsis")
    for line in shown:
        table.add_row(*(Text(one_line(cell)) for cell in line))
    return Group(head, live, ended, Text(), tabs, table if lines else Text("nothing", "dim"))


def _table(view: str, seen: Seen) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    if view == "nodes":
        columns: Sequence[str] = ("NODE", "ID", "ALIVE", "RUNNING", "LAST SEEN (UTC)")
        return columns, [
            (node.name, str(node.id), "yes" if node.alive and not node.buried else "NO",
             str(node.info.get("running", "")), f"{node.last_seen_at:%H:%M:%S}")
            for node in seen.nodes
        ]  # fmt: skip
    if view == "queues":
        ended = {stat.name: stat for stat in seen.by_queue}
        columns = ("QUEUE", "PAUSED", "LIMIT", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "WAIT P95")
        return columns, [
            (info.queue, "PAUSED" if info.paused else "", "" if info.concurrency is None else str(info.concurrency),
             *(_bounded(seen.counts.get((info.queue, state), 0)) for state in ("queued", "started")),
             *_ended(ended.get(info.queue)))
            for info in seen.queues
        ]  # fmt: skip
    columns = ("COMMAND (LAST HOUR)", "COMPLETED", "FAILED", "RETRIED", "WAIT P95", "RUN P50", "RUN P95")
    return columns, [
        (stat.name or "", f"{stat.completed:,}", f"{stat.failed:,}", f"{stat.retried:,}",
         milliseconds(stat.wait.p95), milliseconds(stat.run.p50), milliseconds(stat.run.p95))
        for stat in seen.commands
    ]  # fmt: skip


def _ended(stat: Stat | None) -> tuple[str, str, str]:
    return ("0", "0", "") if stat is None else (f"{stat.completed:,}", f"{stat.failed:,}", milliseconds(stat.wait.p95))


def _bounded(count: int) -> str:
    return f"{BOUND:,}+" if count >= BOUND else f"{count:,}"


@contextlib.contextmanager
def keys(press: Callable[[str], None]) -> Iterator[None]:
    """Call ``press`` for each key, while the block runs; where there is no such terminal, only Ctrl+C ends it."""
    try:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, termios.error):
        yield
        return
    loop = asyncio.get_running_loop()
    arrows = {"[A": "up", "[B": "down", "[C": "right", "[D": "left"}

    def read() -> None:
        import os

        text = os.read(descriptor, 64).decode("utf-8", "ignore")
        while text:
            if text[0] == ESCAPE:
                press(arrows.get(text[1:3].replace("O", "["), ""))
                text = text[3:]
            else:
                press(text[0])
                text = text[1:]

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
