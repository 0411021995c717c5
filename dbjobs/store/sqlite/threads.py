"""Threads, each with an SQLite connection, and the work given to them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

from dbjobs.store.sqlite.errors import is_broken
from dbjobs.store.sqlite.history import History
from dbjobs.store.threads import Done, Inbox

Connected = tuple[sqlite3.Connection, History]  # what each thread has of its own
Work = Callable[[sqlite3.Connection, History], Any]


class Task(NamedTuple):
    """A piece of work and where its result goes."""

    work: Work
    future: asyncio.Future[Any]


def close_quietly(connected: Connected) -> None:
    """Close what a thread has of its own, which may be broken."""
    for one in reversed(connected):
        with suppress(sqlite3.Error):
            one.close()


class Readers:
    """A few threads with a connection each, for statements that only read: they never wait for the writer.

    A connection on which anything but a plain refusal has happened is closed and replaced.

    Args:
        inbox: where results go.
        count: how many threads.
        connect: opens the connections; called in each thread when it gets its first work.
        name: of the threads.
    """

    def __init__(self, inbox: Inbox, count: int, connect: Callable[[], Connected], name: str = "reader") -> None:
        self._inbox = inbox
        self._connect = connect
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"dbjobs-sqlite-{name}-{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` in one of the threads."""
        future = self._inbox.future()
        self._tasks.put(Task(work, future))
        return future

    def stop(self) -> None:
        """Let the threads end after the work that is queued."""
        for _ in self._threads:
            self._tasks.put(None)

    def join(self, seconds: float) -> None:
        """Wait until they have ended, at most this time for each."""
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        connected: Connected | None = None
        while (task := self._tasks.get()) is not None:
            done = Done(task.future, None, None)
            try:
                if connected is None:
                    connected = self._connect()
                if not task.future.cancelled():
                    done = Done(task.future, task.work(*connected), None)
            except BaseException as error:
                done = Done(task.future, None, error)
                if connected is not None and is_broken(error):
                    close_quietly(connected)
                    connected = None
            self._inbox.deliver([done])
        if connected is not None:
            close_quietly(connected)
