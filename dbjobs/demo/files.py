"""Chooses the files of a folder that the demo counts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import dbjobs

MAX_FILES = 500
MAX_LOOKED_AT = 20_000
MAX_BYTES = 256 * 1024
_SNIFF_BYTES = 8192
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "build", "dist"})


@dataclass(frozen=True)
class Choice:
    """What was chosen and what was left out.

    Attributes:
        files: text files, and files that cannot be opened, by name.
        unreadable: how many of them cannot be opened.
        binary: files left out because they are not text.
        large: files left out because they are larger than ``MAX_BYTES``.
        more: True if the folder has more files than we looked at.
    """

    files: tuple[Path, ...]
    unreadable: int
    binary: int
    large: int
    more: bool


def own_folder() -> Path:
    """The project's own tree: the checkout if this is one, else the installed package."""
    package = Path(dbjobs.__file__).resolve().parent
    checkout = package.parent
    return checkout if (checkout / "pyproject.toml").is_file() and (checkout / "tests").is_dir() else package


def choose(folder: Path) -> Choice:
    """Walk a folder by name; skip hidden files and folders, links and build products."""
    files: list[Path] = []
    counts = {"unreadable": 0, "binary": 0, "large": 0}
    looked_at = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            if len(files) >= MAX_FILES or looked_at >= MAX_LOOKED_AT:
                return Choice(tuple(files), more=True, **counts)
            looked_at += 1
            kind = _kind(path)
            if kind in counts:
                counts[kind] += 1
            if kind in ("text", "unreadable"):
                files.append(path)
    return Choice(tuple(files), more=False, **counts)


def missing_file(folder: Path) -> Path:
    """A name in the folder that no file has."""
    names = ("no-such-file.txt", *(f"no-such-file-{number}.txt" for number in range(2, MAX_LOOKED_AT)))
    return next(path for path in (folder / name for name in names) if not path.exists())


def _kind(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            return "large"
        with path.open("rb") as file:
            return "binary" if b"\0" in file.read(_SNIFF_BYTES) else "text"
    except OSError:
        return "unreadable"
