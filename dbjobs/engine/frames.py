"""Finds the application's own function that an error came from, in the traceback that a job keeps."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

_FRAME = re.compile(r'File "([^"\n]+)", line \d+, in ([^\n]+)')
_PACKAGES = re.compile(r"[\\/](site-packages|dist-packages)[\\/]")
_OURS = f"{Path(__file__).resolve().parents[1]}{os.sep}"
_DEMO = f"{_OURS}demo{os.sep}"
_STANDARD = tuple({path + os.sep for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))})
# How many components are kept of a path that lies in no folder that Python imports from.
_KEPT = 3


def own_frame(traceback: str | None) -> str:
    """``file:function``: the innermost frame that is not of a library, else the innermost one; empty without any.

    The line's number is left out, so that an edit further up in the file makes no new cause.
    """
    if not traceback:
        return ""
    frames = _FRAME.findall(traceback)
    if not frames:
        return ""
    path, function = next((frame for frame in reversed(frames) if not _is_library(frame[0])), frames[-1])
    return f"{_short(path)}:{function.strip()}"


@lru_cache(1_000)
def _is_library(path: str) -> bool:
    if path.startswith(_DEMO):
        return False
    return path.startswith(("<", _OURS, *_STANDARD)) or _PACKAGES.search(path) is not None


@lru_cache(1_000)
def _short(path: str) -> str:
    """As an import sees it: ``shop/mail.py``, wherever the application is installed."""
    roots = [len(root) for root in _roots() if path.startswith(root)]
    short = path[max(roots) :] if roots else "/".join(re.split(r"[\\/]", path)[-_KEPT:])
    return short.replace("\\", "/")


def _roots() -> list[str]:
    """Folders that Python imports from, each with a separator at its end."""
    return [root.rstrip(os.sep) + os.sep for root in sys.path if root and root != os.sep]
