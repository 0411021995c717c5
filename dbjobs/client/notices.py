"""Notices that a client sends to other nodes, at most one per queue in a cooldown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import NewJob, Ready

# At most one notice per queue in this time: NOTIFY takes a global lock when it commits.
NOTICE_COOLDOWN_SECONDS = 0.005


class Notices:
    """The notices that one client has sent lately, and those still to be sent. Belongs to one event loop."""

    def __init__(self, db: Callable[[], Database]) -> None:
        self._db = db
        self._noticed: dict[tuple[str, bool], float] = {}
        self._later: dict[tuple[str, bool], Ready] = {}
        self._late: asyncio.Task[None] | None = None

    def due(self, jobs: Sequence[NewJob]) -> list[Ready]:
        """The notices to send with this insert; the others go out together after their cooldown."""
        now = time.monotonic()
        due: dict[tuple[str, bool], Ready] = {}
        for job in jobs:
            if waits(job):
                continue
            key = (job.queue, job.worker is not None)
            if now - self._noticed.get(key, 0.0) >= NOTICE_COOLDOWN_SECONDS:
                before = due.get(key)
                if before is None or job.priority < before.priority:
                    due[key] = ready_of(job)
            else:
                self._later[key] = ready_of(job)
        for key in due:
            self._noticed[key] = now
        if self._later and (self._late is None or self._late.done()):
            self._late = asyncio.create_task(self._send_late())
        return list(due.values())

    async def _send_late(self) -> None:
        while self._later:
            await asyncio.sleep(NOTICE_COOLDOWN_SECONDS)
            late, self._later = self._later, {}
            now = time.monotonic()
            # A later insert may have carried a notice for the same queue already.
            untold = [job for key, job in late.items() if now - self._noticed.get(key, 0.0) >= NOTICE_COOLDOWN_SECONDS]
            for key in late:
                self._noticed[key] = now
            if untold:
                await self.send(ready_notices(untold))

    async def send(self, notices: Sequence[str]) -> None:
        """Try to send these now: they are only hints."""
        try:
            await repository.notify(self._db(), notices)
        except Exception:
            return  # polling finds the jobs anyway

    async def close(self) -> None:
        """Send what is left."""
        if self._late is not None:
            await asyncio.wait([self._late])


def ready_of(job: NewJob) -> Ready:
    """What a notice says of a job."""
    return Ready(job.queue, job.priority, job.worker is not None)


def waits(job: NewJob) -> bool:
    """True if the row will not be ready when it is inserted."""
    return job.pending > 0 or job.run_after is not None or bool(job.delay_seconds)
