"""A database for one test, which needs nothing: SQLite in a folder that is removed afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbjobs.jobs import Jobs
from dbjobs.store.database import make_database
from dbjobs.store.frozen import FrozenClock, frozen_clocks

# A folder in memory, where the system has one.
_IN_MEMORY = Path("/dev/shm")


@contextmanager
def temporary_database(jobs: Jobs | None = None) -> Iterator[str]:
    """An empty database while the block runs: an SQLite file, in memory where the system has a ``/dev/shm``.

    Args:
        jobs: the application's own Jobs object; it works on that database until the block ends, whatever database it
            was made for. It must not be open at either end of the block.

    Yields the URL, for Jobs objects of the test's own.

    Raises:
        InvalidOption: jobs is open.
    """
    place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dbjobs-test-", dir=place, ignore_cleanup_errors=True) as folder:
        path = Path(folder).absolute() / "jobs.db"
        url = f"sqlite:///{path.as_posix()}"
        frozen_clocks[path] = FrozenClock(None)  # so that time can be frozen after it was opened, too
        try:
            if jobs is None:
                yield url
            else:
                with _bound(jobs, url):
                    yield url
        finally:
            del frozen_clocks[path]


@contextmanager
def _bound(jobs: Jobs, url: str) -> Iterator[None]:
    before, opening = jobs.url, jobs._client.opening
    make, migrates = opening.make, opening.migrates
    jobs.sync.close()
    opening.rebind(lambda: make_database(url, schema=jobs.schema), migrate=True)
    jobs.url = url
    try:
        yield
    finally:
        jobs.sync.close()
        opening.rebind(make, migrate=migrates)
        jobs.url = before
