"""The thread that does all work on a connection. If a call of the driver hangs, the thread is abandoned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any


class ConnectionThread:
    """A thread that does one thing after the other, as an executor of a single thread does.

    Unlike a thread of ``concurrent.futures`` it is a daemon: one that hangs in the driver does not keep the process
    alive.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="dbjobs-sqlserver", daemon=True)
        self._thread.start()

    def post(self, work: Callable[[], None]) -> None:
        """Do this after what is queued; it must not raise."""
        if self._stopped:
            raise RuntimeError("the connection is closed")
        self._tasks.put(work)

    def submit(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
        """Do this after what is queued (the event loop asks executors so, and aioodbc asks the event loop)."""
        future: Future[Any] = Future()
        self.post(partial(_perform, future, partial(function, *arguments, **named)))
        return future

    def stop(self) -> None:
        """End after what is queued; take nothing more."""
        self._stopped = True
        self._tasks.put(None)

    def join(self, seconds: float) -> bool:
        """Wait until it has ended; False if this time was not enough."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def _perform(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
