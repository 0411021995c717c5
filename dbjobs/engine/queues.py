"""Which queues this node serves, and how many of their jobs at the same time."""

from __future__ import annotations

import time
from collections.abc import Mapping

from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE

# Settings changed elsewhere are seen at once where there are notices, else after this time.
REFRESH_SECONDS = 1.0


class Queues:
    """The settings of queues as last read.

    Args:
        wanted: queues to serve, with a concurrency of their own or None; None for every queue.

    Attributes:
        named: the queues to serve, in order; None for every queue.
    """

    def __init__(self, wanted: Mapping[str, int | None] | None) -> None:
        self._wanted = wanted
        self._paused: set[str] = set()
        self._limits = {queue: limit for queue, limit in (wanted or {}).items() if limit is not None}
        self.named = None if wanted is None else sorted(wanted)
        self.refresh_at = 0.0

    async def refresh(self, db: Database) -> bool:
        """Read the settings again; True if they have changed for this node."""
        settings = await repository.list_queue_settings(db)
        paused = {setting.queue for setting in settings if setting.paused}
        limits: dict[str, int] = {queue: limit for queue, limit in (self._wanted or {}).items() if limit is not None}
        for setting in settings:
            if setting.concurrency is not None and (
                self._wanted is None or setting.queue in self._wanted or setting.queue == DELIVERY_QUEUE
            ):
                limits[setting.queue] = min(setting.concurrency, limits.get(setting.queue, setting.concurrency))
        changed = (paused, limits) != (self._paused, self._limits)
        self._paused, self._limits = paused, limits
        self.refresh_at = time.monotonic() + REFRESH_SECONDS
        return changed

    def serves(self, queue: str) -> bool:
        """This node runs jobs of this queue: it is among those to serve, and not paused."""
        if queue == DELIVERY_QUEUE:
            return False  # it is served beside these (see DeliveryClaims)
        return (self._wanted is None or queue in self._wanted) and queue not in self._paused

    def is_paused(self, queue: str) -> bool:
        """Nothing of this queue is started, on any node."""
        return queue in self._paused

    def limit_of(self, queue: str) -> int | None:
        """How many of its jobs may be in this node at the same time; None for any number."""
        return self._limits.get(queue)

    def limited(self) -> list[str]:
        """The served queues that have a limit, in order."""
        return sorted(queue for queue in self._limits if queue not in self._paused)

    def unlimited(self) -> tuple[list[str], bool]:
        """The served queues without a limit, in order, and False; or those that are left out of all, and True."""
        if self.named is None:
            return sorted(self._paused | self._limits.keys()), True
        return [queue for queue in self.named if queue not in self._paused and queue not in self._limits], False
