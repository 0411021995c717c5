"""Programs out of Debian's packages, unpacked into a folder of ours: nothing is installed, and no root is needed.

They run with their own dynamic loader and libraries, so the suite they come from may be newer than the machine's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What mere helper scripts of the packages depend on.
_UNWANTED = re.compile(r"perl|libdb5|libgdbm|debconf|mariadb-common|mysql-common")


class NotDebian(Exception):
    """There are no Debian packages to be had here; the message says why."""


def unpack(suite: str, packages: Sequence[str], root: Path) -> None:
    """Download the packages of this suite with all they depend on, and unpack them below ``root``.

    ``root/ld.so`` is the loader and ``root/libs`` the folder of libraries (see ``command``). apt checks the signatures,
    and keeps its lists in a folder of its own.

    Raises:
        NotDebian: no apt, or none that is set up with Debian.
        subprocess.CalledProcessError: the download failed.
    """
    mirror = _mirror()
    shutil.rmtree(root, ignore_errors=True)
    apt = root / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
    (apt / "status").write_text("")  # nothing counts as installed: the packages come with all they need
    options = [
        f"Dir::Etc::sourcelist={apt}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::State={apt}",
        f"Dir::State::status={apt}/status",
        f"Dir::State::lists={apt}/lists",
        f"Dir::Cache={apt}",
        f"Dir::Cache::archives={apt}/archives",
        "Acquire::Retries=3",
        "APT::Install-Recommends=0",
        "APT::Sandbox::User=",
    ]
    apt_get = ["apt-get", "--quiet=2", *(word for option in options for word in ("--option", option))]
    _run([*apt_get, "update"])
    plan = _run([*apt_get, "--simulate", "install", *packages])
    wanted = [name for name in re.findall(r"^Inst (\S+)", plan, re.MULTILINE) if not _UNWANTED.search(name)]
    _run([*apt_get, "download", *wanted], cwd=apt / "archives")
    for package in sorted((apt / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)])
    shutil.rmtree(apt)
    for folder in ("doc", "man", "locale", "lintian"):
        shutil.rmtree(root / "usr/share" / folder, ignore_errors=True)
    # Older suites keep some libraries in /lib: together they are one folder, as on a machine itself.
    for libraries in (root / "lib").glob("*-linux-gnu*"):
        shutil.copytree(libraries, root / "usr/lib" / libraries.name, symlinks=True, dirs_exist_ok=True)
    (root / "libs").symlink_to(next((root / "usr/lib").glob("*-linux-gnu*")).relative_to(root))
    (root / "ld.so").symlink_to(next((root / "libs").glob("ld-linux*.so.*")).relative_to(root))


def command(root: Path, program: str) -> list[str]:
    """The words that start ``program`` (``usr/sbin/mysqld``) of an unpacked ``root``."""
    libraries = f"{root}/libs:{root}/libs/private"
    return [f"{root}/ld.so", "--library-path", libraries, f"{root}/{program}"]


def own_suite() -> str:
    """The suite that this machine runs, such as ``bookworm``. Raises NotDebian."""
    lines = Path("/etc/os-release").read_text().splitlines() if Path("/etc/os-release").exists() else []
    words = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
    if words.get("ID") != "debian" or "VERSION_CODENAME" not in words:
        raise NotDebian(f"this is {words.get('PRETTY_NAME', 'no Debian')}, not a release of Debian")
    return words["VERSION_CODENAME"]


def _mirror() -> str:
    """The address that this machine's own apt gets Debian from."""
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise NotDebian("this is not Debian (no apt-get, or no debian-archive-keyring)")
    suite = own_suite()
    listed = _run(["apt-get", "--option", "Debug::NoLocking=1", "update", "--print-uris"])
    match = re.search(rf"^'(\S+)/dists/{suite}/InRelease'", listed, re.MULTILINE)
    if match is None:
        raise NotDebian("apt's sources on this machine name no Debian mirror")
    return str(match[1])


def _run(words: Sequence[str], cwd: Path | None = None) -> str:
    done = subprocess.run(words, check=False, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]} {words[-1]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
