"""Which queues this node serves, and how many of their jobs at the same time."""

from __future__ import annotations

import time
from collections.abc import Mapping

from dbjobs.store import repository
from dbjobs.store.database import Database

# Settings changed elsewhere are seen at once where there are notices, else after this time.
REFRESH_SECONDS = 1.0


class Queues:
    """The queue table as last read.

    Args:
        wanted: queues to serve, with a concurrency of their own or None; None for every queue.
    """

    def __init__(self, wanted: Mapping[str, int | None] | None) -> None:
        self._wanted = wanted
        self._served: list[tuple[str, int | None]] = [(queue, limit) for queue, limit in (wanted or {}).items()]
        self._names = frozenset(wanted or ())
        self.refresh_at = 0.0

    async def refresh(self, db: Database) -> None:
        """Read the table again."""
        settings = {queue.queue: queue for queue in await repository.list_queues(db)}
        names = sorted({"default", *settings}) if self._wanted is None else list(self._wanted)
        served: list[tuple[str, int | None]] = []
        for name in names:
            setting = settings.get(name)
            if setting is not None and setting.paused:
                continue
            limits = [limit for limit in ((self._wanted or {}).get(name), setting and setting.concurrency) if limit]
            served.append((name, min(limits) if limits else None))
        self._served = served
        self._names = frozenset(name for name, _ in served)
        self.refresh_at = time.monotonic() + REFRESH_SECONDS

    def serves(self, queue: str) -> bool:
        """True if jobs of this queue may start here: it is one of ours and not paused."""
        return queue in self._names

    def served(self) -> list[tuple[str, int | None]]:
        """(queue, concurrency or None) of every queue that is served and not paused."""
        return self._served
