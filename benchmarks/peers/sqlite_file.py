"""What the SQLite adapters share: the path in a URL and the levels of durability."""

from __future__ import annotations

from typing import Literal

Synchronous = Literal["FULL", "NORMAL"]

# FULL syncs the disk at every commit, so a finished job survives a power cut; NORMAL in WAL mode does not,
# and a power cut may undo the last commits. Figures compare only with others of the same level.
LEVELS: tuple[Synchronous, ...] = ("FULL", "NORMAL")


def path_of(url: str) -> str:
    """The file of a ``sqlite:///path`` URL; anything else is taken for the path itself.

    An absolute path may be written with three slashes or with four.
    """
    path = url.removeprefix("sqlite://")
    return path if path == url else "/" + path.lstrip("/")
