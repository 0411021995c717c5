"""Where the servers of a test run keep their data."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "DBJOBS_TEST_FOLDER"
_IN_MEMORY = Path("/dev/shm")
# Four test processes with five servers each stay below half of it.
_LEAST_BYTES = 16 * 2**30


def folder_for_tests() -> Path:
    """The folder that ``DBJOBS_TEST_FOLDER`` names; else one in memory if there is plenty; else the temporary one.

    The servers write and sync as ever. What memory spares is the disk's share of a sync, which no test can tell: nobody
    turns the power off.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    return _IN_MEMORY if _has_room(_IN_MEMORY) else Path(tempfile.gettempdir())


def _has_room(folder: Path) -> bool:
    """True if it takes what a run writes, on a machine that has as much memory to spare."""
    try:
        free = os.statvfs(folder)
        memory = Path("/proc/meminfo").read_text()
    except (OSError, AttributeError):  # not on Linux
        return False
    available = next(
        (int(line.split()[1]) * 1024 for line in memory.splitlines() if line.startswith("MemAvailable")), 0
    )
    return min(free.f_bavail * free.f_frsize, available) >= _LEAST_BYTES and os.access(folder, os.W_OK)
