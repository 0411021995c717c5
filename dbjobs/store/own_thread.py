"""Runs blocking work in a thread of its own, never behind the application's work in the loop's default executor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], name: str = "dbjobs-work") -> T:
    """Call ``work()`` in a new thread and wait for its result.

    It is for short blocking work during shutdown: the application may keep all threads of an executor busy. A thread
    that hangs does not keep the process alive.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if ended.done():
            return  # its caller was cancelled
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        raised: BaseException | None = None
        try:
            result = work()
        except BaseException as error:
            raised = error
        with suppress(RuntimeError):  # a closed loop: nobody waits any more
            loop.call_soon_threadsafe(tell, result, raised)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await ended
