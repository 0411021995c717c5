"""What the benchmarks do to the job tables directly, outside the timed parts."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

# The commands that every worker of the benchmarks knows (see workload).
NOOP, NAP, HOLD, STAMP = "noop", "nap", "hold", "stamp"

# Rows that go to history together, at most.
LARGEST_BATCH = 1000


class JobTables(Protocol):
    """The job tables of one database, through the bare driver."""

    async def open(self) -> None:
        """Connect; the tables exist already."""

    async def close(self) -> None: ...

    async def version(self) -> str:
        """The database's name and version."""

    async def reset(self) -> None:
        """Empty every table and write dirty pages to disk, so that every turn starts alike."""

    async def fill(self, jobs: int, *, command: str = NOOP) -> None:
        """Add ready jobs without a named worker, as ``enqueue_many`` would make them."""

    async def fill_lanes(self, lanes: int, jobs: int, *, head: str = NOOP) -> None:
        """Add `jobs` jobs to each of `lanes` named workers; the first of each runs command `head`."""

    async def fill_scheduled(self, jobs: int) -> None:
        """Add jobs that are due in a year."""

    async def analyze(self) -> None:
        """Bring the planner's statistics up to date after a fill."""

    async def now(self) -> float:
        """Seconds, on the clock that completed_at is written with."""

    async def moving(self) -> bool:
        """True while a job without a named worker is in the hands of a node, or on its way to history."""

    async def left(self) -> int:
        """Rows in the live table."""

    async def completed(self) -> int:
        """Rows in the history of completed jobs."""

    async def completion(self, position: int) -> tuple[int, float]:
        """How many jobs were completed, and when, at the end of the batch that holds this position (from 1).

        Rows go to history in batches; a rate between two places inside of batches would count rows whose
        time it does not count. The time is that of ``now``.
        """

    async def shape(self) -> list[dict[str, object]]:
        """The live rows without what differs from job to job: ids, times, the request itself."""

    async def uncleaned(self) -> int | None:
        """What the database has still to clean up after the jobs; None if it does not tell.

        Dead rows of the live table (PostgreSQL), undo records not purged yet (MySQL, MariaDB), free pages of the main
        file (SQLite).
        """

    def pin(self) -> AbstractAsyncContextManager[None]:
        """Another session, which holds the snapshot of this moment until the block ends."""

    async def commits(self) -> int | None:
        """Transactions that the server has committed in this database; None if it does not count them."""
