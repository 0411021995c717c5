"""Tells children how their parents ended. Every node does so, and skips rows that others have locked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import anyio

from dbjobs.engine.waker import Waker
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions.dependencies import Follower

# A child may be noticed this late if this process has not heard of its enqueue, or of its parent's end.
LOOK_SECONDS = 0.5
# The least pause between two looks: news may come faster.
PAUSE_SECONDS = 0.02
ROWS_PER_LOOK = 1000


class Dependencies:
    """Resolves children and releases them.

    Args:
        on_ended: called with the ids of descendants that were cancelled.
    """

    def __init__(self, db: Database, waker: Waker, on_ended: Callable[[Sequence[int]], None]) -> None:
        self._db = db
        self._waker = waker
        self._on_ended = on_ended
        self._news = asyncio.Event()
        self._parents: set[int] = set()
        self._following = 0

    def ended(self, parents: Iterable[int]) -> None:
        """Note that these jobs have ended and have children; returns at once."""
        self._parents.update(parents)
        self._news.set()

    def poke(self) -> None:
        """Look soon: another process may have left something to do. Returns at once."""
        self._news.set()

    async def look(self) -> float:
        """Wait for news, at most ``LOOK_SECONDS``, and resolve all pending children; seconds until the next look."""
        with anyio.move_on_after(LOOK_SECONDS * random.uniform(0.8, 1.0)):
            await self._news.wait()
        self._news.clear()
        parents, self._parents = self._parents, set()
        if parents:
            await self._follow(Follower(self._db, parents=parents))
            return 0.0
        await self.catch_up()
        return PAUSE_SECONDS

    @property
    def is_quiet(self) -> bool:
        """True if all work that it has heard of is done."""
        return not self._parents and not self._following

    async def catch_up(self) -> None:
        """Do all pending work, whichever node left it."""
        while True:
            ended, unresolved = await repository.find_dependency_work(self._db, ROWS_PER_LOOK)
            if not ended and not unresolved:
                return
            if not await self._follow(Follower(self._db, parents=ended, children=unresolved)):
                return

    async def _follow(self, follower: Follower) -> bool:
        self._following += 1
        try:
            return await follower.run()
        finally:
            self._following -= 1
            self._waker.ready(follower.ready)
            if follower.cancelled:
                self._on_ended(sorted(follower.cancelled))
