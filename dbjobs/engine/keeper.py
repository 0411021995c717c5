"""Keeps a node in a task of its own, so that the block of ``jobs.start`` may end in a different task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from dbjobs.errors import WorkersStopped


@asynccontextmanager
async def kept(context: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Hold a context open in a task of its own while the block runs.

    A task group must be left in the task that entered it. Fixtures of pytest-asyncio, cells of a notebook, and hooks
    for start and stop enter a block in one task and leave it in another.

    When the context ends by itself, the task that began the block is cancelled if it still runs; the block then raises
    what the context raised.
    """
    host = asyncio.current_task()
    assert host is not None
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ending = asyncio.Event()
    keeper = asyncio.create_task(_keep(context, ready, ending), name="dbjobs node")
    try:
        await asyncio.wait({keeper, ready}, return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        keeper.cancel()
        await _ended(keeper)
        raise
    if keeper.done():
        keeper.result()  # raises

    cancelled_before = host.cancelling()
    interrupted = False

    def interrupt(_: asyncio.Task[None]) -> None:
        nonlocal interrupted
        if not ending.is_set() and not host.done():
            interrupted = host.cancel()

    keeper.add_done_callback(interrupt)
    try:
        yield
    except BaseException as error:
        ending.set()
        await _ended(keeper)
        if _is_ours(error, interrupted, host, cancelled_before):
            _raise_if_failed(keeper)
        raise
    ending.set()
    await _ended(keeper)
    if interrupted and asyncio.current_task() is host:  # the block has swallowed it
        host.uncancel()
    _raise_if_failed(keeper)


async def _keep(context: AbstractAsyncContextManager[None], ready: asyncio.Future[None], ending: asyncio.Event) -> None:
    async with context:
        if not ready.done():
            ready.set_result(None)
        await ending.wait()


async def _ended(keeper: asyncio.Task[None]) -> None:
    """Wait for its end. A cancellation meanwhile is passed on to it, and raised afterwards.

    Its own error is left for the caller to look at.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not keeper.done():
            try:
                await asyncio.wait({keeper})
            except asyncio.CancelledError as error:
                cancelled = error
                keeper.cancel()
    if not keeper.cancelled():
        keeper.exception()  # seen, so that the loop does not report it
    if cancelled is not None:
        raise cancelled


def _raise_if_failed(keeper: asyncio.Task[None]) -> None:
    if keeper.cancelled():
        raise WorkersStopped(
            "the workers of this process ended without having been asked to: something cancelled their task"
        )
    keeper.result()


def _is_ours(error: BaseException, interrupted: bool, host: asyncio.Task[object], cancelled_before: int) -> bool:
    """True for the cancellation with which the end of the context interrupted the block."""
    if not interrupted or asyncio.current_task() is not host:
        return False
    return host.uncancel() <= cancelled_before and isinstance(error, asyncio.CancelledError)
