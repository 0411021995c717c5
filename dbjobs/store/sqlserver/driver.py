"""Chooses the ODBC driver: the one named, Microsoft's as installed, Microsoft's from a wheel, or FreeTDS."""

from __future__ import annotations

import platform
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pyodbc

from dbjobs.errors import MissingDriver

_WHEEL = "mssql_python_odbc"  # on PyPI: mssql-python-odbc
_MICROSOFT = re.compile(r"ODBC Driver (\d+) for SQL Server\Z")
# A marker of the distribution -> the folder of the wheel whose driver was built for it.
_DISTRIBUTIONS = (
    ("/etc/alpine-release", "alpine"),
    ("/etc/debian_version", "debian_ubuntu"),
    ("/etc/redhat-release", "rhel"),
    ("/etc/SUSE-brand", "suse"),
)


def find_driver() -> str:
    """The name of an installed driver, or the path of a driver's library.

    Raises:
        MissingDriver: there is none.
    """
    installed = pyodbc.drivers()
    microsoft = max(installed, key=_microsoft_version, default="")
    if _microsoft_version(microsoft):
        return microsoft
    in_wheel = driver_in_wheel()
    if in_wheel is not None:
        return in_wheel
    if "FreeTDS" in installed:
        return "FreeTDS"
    raise MissingDriver(
        "mssql:// needs an ODBC driver for SQL Server, and none is installed: install Microsoft's "
        "'ODBC Driver 18 for SQL Server' (package msodbcsql18), or pip install mssql-python-odbc, or FreeTDS (Debian's "
        "tdsodbc); or name the driver in the URL: mssql://...?driver=NAME-OR-PATH"
    )


def is_freetds(driver: str) -> bool:
    """True if the driver is FreeTDS, which has other words for the same things."""
    return "tdsodbc" in driver.lower() or "freetds" in driver.lower()


def driver_in_wheel() -> str | None:
    """The library of Microsoft's driver in the PyPI wheel; it needs no registration."""
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    libraries = Path(next(iter(spec.submodule_search_locations))) / "libs"
    folder, pattern = {
        "linux": (libraries / "linux" / _distribution(), "libmsodbcsql*.so*"),
        "darwin": (libraries / "macos", "libmsodbcsql*.dylib"),
        "win32": (libraries / "windows", "msodbcsql*.dll"),
    }.get(sys.platform, (libraries, "libmsodbcsql*"))
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine().lower())
    found = sorted(str(file) for file in folder.rglob(pattern) if machine in file.parts)
    found = found or sorted(str(file) for file in folder.rglob(pattern))
    return found[-1] if found else None


def _distribution() -> str:
    for marker, folder in _DISTRIBUTIONS:
        if Path(marker).exists():
            return folder
    return "debian_ubuntu"


def _microsoft_version(name: str) -> int:
    found = _MICROSOFT.match(name)
    return int(found[1]) if found else 0
