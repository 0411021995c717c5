"""Shows how far a batch of jobs is: a moving bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from dbjobs.models import BatchProgress
from dbjobs.wording import counted

SECONDS_BETWEEN_LINES = 0.5


class Display(Protocol):
    """Where progress and notes go."""

    def show(self, batch: BatchProgress) -> None:
        """Show the batch as it is now."""

    def note(self, text: str) -> None:
        """Show one note."""


@contextmanager
def display() -> Iterator[Display]:
    """The display that fits standard output."""
    if not sys.stdout.isatty():
        yield Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console()) as progress:
        yield Bar(progress)


class Bar:
    """A bar that moves, with the notes above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("jobs", total=None)

    def show(self, batch: BatchProgress) -> None:
        self._progress.update(self._task, completed=_ended(batch), total=batch.total, description=_told(batch))

    def note(self, text: str) -> None:
        self._progress.console.print(Text(text, style="yellow"), soft_wrap=True)


class Lines:
    """Prints a line when something changed, but at most every ``SECONDS_BETWEEN_LINES``."""

    def __init__(self) -> None:
        self._last: BatchProgress | None = None
        self._at = 0.0

    def show(self, batch: BatchProgress) -> None:
        now = time.monotonic()
        if batch != self._last and (batch.finished or now - self._at >= SECONDS_BETWEEN_LINES):
            self._last, self._at = batch, now
            print(f"{_ended(batch)} of {counted(batch.total, 'job')}: {_told(batch)}", flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)


def _ended(batch: BatchProgress) -> int:
    return batch.completed + batch.failed + batch.cancelled


def _told(batch: BatchProgress) -> str:
    return f"{batch.completed} completed, {batch.failed} failed, {batch.cancelled} cancelled"
