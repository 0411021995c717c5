"""Concurrent enqueues share a statement: the first goes out at once, and those that arrive meanwhile share the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from dbjobs.errors import DatabaseError, DatabaseUnavailable, TransactionConflict

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_BATCH = 500


class Coalescer(Generic[Item, Result]):
    """Group commit in front of the database.

    Args:
        write: writes a batch in one transaction and returns a result for each item, in order.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None
        self._busy = False

    async def submit(self, item: Item) -> Result:
        """Write one item; returns its own result or raises its own error.

        A caller that is cancelled while it waits may still have its item written.
        """
        if not self._busy:
            # No batch is in flight: write at once, without a task or a future.
            self._busy = True
            try:
                return (await self._write((item,)))[0]
            finally:
                self._write_waiting()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        return await future

    async def close(self) -> None:
        """Wait for the batch in flight."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _write_waiting(self) -> None:
        if self._waiting:
            # A task of its own, so that a cancelled caller does not take the others' items with it.
            self._task = asyncio.create_task(self._run())
        else:
            self._busy = False

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                await self._write_batch(batch)
        finally:
            self._busy = False

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except (DatabaseUnavailable, TransactionConflict) as error:
            _fail(batch, error)
        except DatabaseError as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for one in batch:  # one item is at fault; the others must not fail with it
                await self._write_batch([one])
        except BaseException as error:
            _fail(
                batch,
                error if isinstance(error, Exception) else DatabaseUnavailable("the write was interrupted"),
            )
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
