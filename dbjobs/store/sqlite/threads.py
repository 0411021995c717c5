"""Work that an event loop hands to a thread, and how the results come back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

from dbjobs.store.sqlite.connection import is_broken
from dbjobs.store.sqlite.history import History

# A thread that waits for the interpreter's lock may wait for seconds while the event loop is busy: each time the
# loop looks for events it lets go of the lock and takes it back before the other thread has woken up, and that
# starts the other thread's wait anew. (Measured: a commit took 4.2 s next to a loop full of short callbacks, and
# 2.1 ms with this cure.) So while work is outstanding the loop itself steps aside for a moment, now and then, and
# when it hands work to a thread that has none: the thread starts at once, not when the loop's callbacks have run.
STEP_ASIDE_EVERY_SECONDS = 0.005
STEP_ASIDE_SECONDS = 0.0001

Connected = tuple[sqlite3.Connection, History]  # what each thread has of its own
Work = Callable[[sqlite3.Connection, History], Any]


class Task(NamedTuple):
    """A piece of work and where its result goes."""

    work: Work
    future: asyncio.Future[Any]


class Outcome(NamedTuple):
    """The result of a task, or its error."""

    future: asyncio.Future[Any]
    result: Any
    error: BaseException | None


def close_quietly(connected: Connected) -> None:
    """Close what a thread has of its own, which may be broken."""
    for one in reversed(connected):
        with suppress(sqlite3.Error):
            one.close()


def step_aside() -> None:
    """Let another thread have the interpreter's lock."""
    time.sleep(STEP_ASIDE_SECONDS)


class Desk:
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

    def deliver(self, outcomes: Iterable[Outcome]) -> None:
        """Called in a thread: hand results over, all in one go."""
        self.call(self.take_in, list(outcomes))

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Called in a thread: run a function in the event loop; nothing if the loop is gone."""
        with suppress(RuntimeError):  # a closed loop: nobody waits any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def take_in(self, outcomes: list[Outcome]) -> None:
        """Called in the event loop: these are outstanding no more."""
        self._outstanding -= len(outcomes)
        for future, result, error in outcomes:
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


class Readers:
    """A few threads with a connection each, for statements that only read: they never wait for the writer.

    A connection on which anything but a plain refusal has happened is closed and replaced.

    Args:
        desk: where results go.
        count: how many threads.
        connect: opens the connections; called in each thread when it gets its first work.
        name: of the threads.
    """

    def __init__(self, desk: Desk, count: int, connect: Callable[[], Connected], name: str = "reader") -> None:
        self._desk = desk
        self._connect = connect
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"dbjobs-sqlite-{name}-{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` in one of the threads."""
        future = self._desk.future()
        self._tasks.put(Task(work, future))
        return future

    def stop(self) -> None:
        """Let the threads end after the work that is queued."""
        for _ in self._threads:
            self._tasks.put(None)

    def join(self, seconds: float) -> None:
        """Wait until they have ended, at most so long for each."""
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        connected: Connected | None = None
        while (task := self._tasks.get()) is not None:
            outcome = Outcome(task.future, None, None)
            try:
                if connected is None:
                    connected = self._connect()
                if not task.future.cancelled():
                    outcome = Outcome(task.future, task.work(*connected), None)
            except BaseException as error:
                outcome = Outcome(task.future, None, error)
                if connected is not None and is_broken(error):
                    close_quietly(connected)
                    connected = None
            self._desk.deliver([outcome])
        if connected is not None:
            close_quietly(connected)
