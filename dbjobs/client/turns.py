"""Enqueues with a ref_id take turns, so that those that wait for another transaction leave connections for the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbjobs.store.transactions.enqueueing import ref_is_busy


class RefTurns:
    """One enqueue of a ref_id at a time in this process, and never one on each connection.

    If another transaction has inserted the same ref_id, an enqueue waits for its end, on a connection of ours. A second
    enqueue of that ref_id would wait on a second connection, and four of them would take all there are.

    Args:
        at_once: enqueues with a ref_id that may use a connection at the same time.
    """

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, ref_id: str, deadline: float) -> AsyncIterator[None]:
        """This ref_id's turn, for the length of the block.

        Args:
            deadline: until when to wait for it, by ``time.monotonic()``.

        Raises:
            RefIdBusy: the turn did not come by then.
        """
        lock, users = self._turns.get(ref_id, (asyncio.Lock(), 0))
        self._turns[ref_id] = (lock, users + 1)
        try:
            until = asyncio.get_running_loop().time() + max(deadline - time.monotonic(), 0.0)
            try:
                async with asyncio.timeout_at(until):
                    await lock.acquire()
            except TimeoutError:
                raise ref_is_busy(ref_id) from None
            try:
                try:
                    async with asyncio.timeout_at(until):
                        await self._room.acquire()
                except TimeoutError:
                    raise ref_is_busy(ref_id) from None
                try:
                    yield
                finally:
                    self._room.release()
            finally:
                lock.release()
        finally:
            lock, users = self._turns[ref_id]
            if users == 1:
                del self._turns[ref_id]
            else:
                self._turns[ref_id] = (lock, users - 1)
