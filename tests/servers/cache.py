"""Where programs that were downloaded for the tests are kept from run to run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.servers.throwaway import is_reachable_by_all, unprivileged_user

CACHE_VARIABLE = "DBJOBS_TEST_CACHE"
_DONE = ".complete"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder, made if it is not there: ``DBJOBS_TEST_CACHE``, or one below the user's cache folder.

    Root's servers run as another user, who may not enter root's home: then it is one below /var/cache.
    """
    if named := environment.get(CACHE_VARIABLE):
        folder = Path(named).absolute()
    else:
        home = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        private = unprivileged_user() is not None and not is_reachable_by_all(home if home.exists() else home.parent)
        folder = (Path("/var/cache") if private else home) / "dbjobs-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder ``name`` of the cache, made by ``make(folder)`` the first time.

    Several test processes start at once: one makes it, the others wait. What was left half made is made again.
    """
    folder = cache_folder() / name
    if (folder / _DONE).exists():
        return folder
    import fcntl  # not on Windows, where nothing is downloaded

    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _DONE).exists():
            make(folder)
            (folder / _DONE).touch()
    return folder
