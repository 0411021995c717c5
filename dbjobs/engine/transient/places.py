"""Places for plain handlers of transient runs: threads and processes are few."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """At most ``limit`` at a time, in the order in which they asked."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def ask(self) -> asyncio.Future[None] | None:
        """Take a place and return None; if there is none, return the event to wait for."""
        if self._busy < self.limit and not self._waiting:
            self._busy += 1
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def give_back(self, asked: asyncio.Future[None] | None) -> None:
        """The place is free, or it is not waited for any more.

        Args:
            asked: what ``ask`` returned.
        """
        if asked is not None and not asked.done():
            self._waiting.remove(asked)
            return
        self._busy -= 1
        while self._waiting and self._busy < self.limit:
            self._busy += 1
            self._waiting.popleft().set_result(None)
