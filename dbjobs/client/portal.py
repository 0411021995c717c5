"""An event loop in a thread of ours, for callers that have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from dbjobs.errors import NotRunning

T = TypeVar("T")

STOP_SECONDS = 5.0


class Portal:
    """The loop and its thread, a daemon that does not keep the process alive."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="dbjobs-sync", daemon=True)
        self._thread.start()

    def wait(self, coroutine: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """Run a coroutine in the loop; its result. It sees the caller's context variables.

        Args:
            seconds: the longest wait; None: for ever.

        Raises:
            NotRunning: another thread has ended the loop. TimeoutError: it took longer, and is cancelled. And what the
                coroutine raises.
        """
        with self._lock:
            if self._has_ended:
                coroutine.close()
                raise NotRunning("jobs.sync was closed by another thread")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._waiting.add(future)
        try:
            return future.result(seconds)
        except concurrent.futures.CancelledError:
            raise NotRunning("jobs.sync was closed by another thread") from None
        except BaseException:
            future.cancel()  # nobody waits for it after Ctrl+C or the time limit
            raise
        finally:
            with self._lock:
                self._waiting.discard(future)

    def stop(self) -> None:
        """End the loop and its thread; pending waits are told."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left, timeout=STOP_SECONDS))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
