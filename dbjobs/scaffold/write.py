"""Writes the files of a plan; leaves alone what somebody wrote or changed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dbjobs.errors import InvalidOption
from dbjobs.scaffold.detect import text_of
from dbjobs.scaffold.plan import File, Plan


class Written(NamedTuple):
    """What became of a file: ``"wrote"``, ``"would write"``, ``"is as it was written"`` or ``"left alone"``."""

    path: Path
    what: str


def write_files(plan: Plan, *, dry_run: bool) -> list[Written]:
    """Write what is missing.

    Args:
        dry_run: write nothing; tell what would be done.

    Raises:
        InvalidOption: one of them cannot be read or written.
    """
    return [Written(file.path, _tried(file, dry_run=dry_run)) for file in plan.files]


def _tried(file: File, *, dry_run: bool) -> str:
    try:
        return _write(file, dry_run=dry_run)
    except OSError as error:
        raise InvalidOption(f"{file.path} cannot be written: {error.strerror or error}") from None


def _write(file: File, *, dry_run: bool) -> str:
    try:
        there = text_of(file.path)
    except FileNotFoundError:
        if dry_run:
            return "would write"
        with file.path.open("x", encoding="utf-8", newline="\n") as opened:  # "x": never overwrite somebody's file
            opened.write(file.text)
        return "wrote"
    return "is as it was written" if there == file.text else "left alone"
