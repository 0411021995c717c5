"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine_facts(database: str) -> dict[str, str | int]:
    """Processor, software versions and date; nothing that names the machine or its owner."""
    facts: dict[str, str | int] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "processor": _processor(),
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "database": database,
        "dbjobs": _version("dbjobs"),
    }
    if database.startswith("PostgreSQL"):
        facts["driver"] = f"asyncpg {_version('asyncpg')}"
    return facts


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        import dbjobs

        return dbjobs.__version__ if package == "dbjobs" else "?"
