"""Work that an event loop hands to a thread, and how the results come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

# A thread that waits for the interpreter's lock may wait for seconds while the event loop is busy: each time the
# loop looks for events it lets go of the lock and takes it back before the other thread has woken up, and that
# starts the other thread's wait anew. (Measured: a commit took 4.2 s next to a loop full of short callbacks, and
# 2.1 ms with this cure.) So while work is outstanding the loop itself steps aside for a moment, now and then, and
# when it hands work to a thread that has none: the thread starts at once, not when the loop's callbacks have run.
STEP_ASIDE_EVERY_SECONDS = 0.005
STEP_ASIDE_SECONDS = 0.0001


class Done(NamedTuple):
    """The result of a task, or its error."""

    future: asyncio.Future[Any]
    result: Any
    error: BaseException | None


def step_aside() -> None:
    """Let another thread have the interpreter's lock."""
    time.sleep(STEP_ASIDE_SECONDS)


class Inbox:
    """The event loop's side: counts what is outstanding, takes results in.

    Belongs to the event loop in which it was made.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outstanding = 0
        self._stepping_aside = False

    def future(self) -> asyncio.Future[Any]:
        """A future for work that goes to a thread now."""
        self._outstanding += 1
        if not self._stepping_aside:
            self._stepping_aside = True
            self._loop.call_later(STEP_ASIDE_EVERY_SECONDS, self._step_aside)
        return self._loop.create_future()

    def deliver(self, done: Iterable[Done]) -> None:
        """Called in a thread: hand results over, all in one go."""
        self.call(self.take_in, list(done))

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Called in a thread: run a function in the event loop; nothing if the loop is gone."""
        with suppress(RuntimeError):  # a closed loop: nobody waits any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def take_in(self, done: list[Done]) -> None:
        """Called in the event loop: these are no longer outstanding."""
        self._outstanding -= len(done)
        for future, result, error in done:
            if future.done():
                continue  # its caller was cancelled
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _step_aside(self) -> None:
        if self._outstanding == 0:
            self._stepping_aside = False
            return
        step_aside()
        self._loop.call_later(STEP_ASIDE_EVERY_SECONDS, self._step_aside)
