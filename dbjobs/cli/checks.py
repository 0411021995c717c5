"""What `dbjobs doctor` says where there is no SQLite file to look into; else see ``dbjobs.inspect.health``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from dbjobs.inspect.health import Finding


def engine_found() -> Finding:
    """Python's own SQLite, where there is no file to ask."""
    return Finding(check="database", ok=True, message=f"SQLite {sqlite3.sqlite_version} is part of this Python")


def file_missing(path: Path) -> Finding:
    """There is no such SQLite file."""
    advice = "is the path right? To make it, run 'dbjobs migrate'"
    return Finding(check="schema", ok=False, message=f"there is no file {path}", advice=advice)
