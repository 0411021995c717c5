"""The one connection that writes, on a thread of its own, with group commit.

Work that arrives while a transaction runs goes together into the next one: many commits of the caller cost one
flush of the disk. Each piece is in a savepoint of its own, so that its error undoes nothing else, and hears of its
result after the commit.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from dbjobs.errors import DatabaseError
from dbjobs.store.sqlite_connection import begin
from dbjobs.store.sqlite_history import History
from dbjobs.store.sqlite_threads import Connected, Desk, Outcome, Task, Work, step_aside

log = logging.getLogger("dbjobs")

WORK_PER_TRANSACTION = 200
# Other processes are noticed by looking at the file this often.
LOOK_SECONDS = 0.015
# A lock that is free for a few microseconds between two transactions is never free for anybody else: other
# processes, and the heartbeat. (Measured with two saturated writers: a third one waited up to 3 s.)
REST_EVERY_SECONDS = 0.02
REST_SECONDS = 0.0004
# What has ended is copied to the history when the writer has been idle for this long ...
ARCHIVE_IDLE_SECONDS = 0.1
# ... or a short pause for breath after more than a few changes of rows ...
ARCHIVE_SOON_CHANGES = 2_000
ARCHIVE_SOON_SECONDS = 0.01
# ... or without any pause after so many: about 6,000 jobs.
ARCHIVE_CHANGES = 20_000
ARCHIVE_RETRY_SECONDS = 5.0


class Hold:
    """A transaction that the event loop conducts, statement by statement; the writer serves nobody else meanwhile."""

    def __init__(self, desk: Desk, ready: asyncio.Future[Any]) -> None:
        self._desk = desk
        self.ready = ready
        self.tasks: SimpleQueue[Task | _End] = SimpleQueue()
        self.failed = False

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` inside the transaction."""
        future = self._desk.future()
        self.tasks.put(Task(work, future))
        return future

    def end(self, *, commit: bool) -> asyncio.Future[Any]:
        """Commit or roll back; the writer is free again."""
        future = self._desk.future()
        self.tasks.put(_End(commit, future))
        return future


class _End:
    def __init__(self, commit: bool, future: asyncio.Future[Any]) -> None:
        self.commit = commit
        self.future = future


class Writer:
    """The writing thread.

    Args:
        desk: where results go.
        connect: opens the connections; called in the thread.
        busy_seconds: how long to wait for the write lock of the file.
        archives: copy what has ended to the history now and then.
    """

    def __init__(
        self,
        desk: Desk,
        connect: Callable[[], Connected],
        busy_seconds: float,
        *,
        archives: bool,
    ) -> None:
        self._desk = desk
        self._connect = connect
        self._busy_seconds = busy_seconds
        self._archives = archives
        self._inbox: SimpleQueue[Task | Hold | None] = SimpleQueue()
        self._on_change: Callable[[], None] | None = None
        self._archive_after = 0.0
        self._idle = False
        self.opened = desk.future()
        self._thread = threading.Thread(target=self._run, name="dbjobs-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` in the next transaction; the result comes after its commit."""
        future = self._desk.future()
        self._inbox.put(Task(work, future))
        if self._idle:
            step_aside()
        return future

    def hold(self) -> Hold:
        """A transaction of the caller's own; wait for ``hold.ready``, and end it whatever happens."""
        hold = Hold(self._desk, self._desk.future())
        self._inbox.put(hold)
        return hold

    def watch(self, on_change: Callable[[], None] | None) -> None:
        """Call a function in the event loop after each commit of another connection; None: no more."""
        self._on_change = on_change
        self._inbox.put(Task(_nothing, self._desk.future()))  # wakes the thread up

    def stop(self) -> None:
        """Let the thread end after the work that is queued."""
        self._inbox.put(None)

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long."""
        self._thread.join(seconds)

    # --- in the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._connection, self._history = self._connect()
        except BaseException as error:
            self._desk.deliver([Outcome(self.opened, None, error)])
            return
        self._archived_changes = -1  # whatever another process has left behind
        self._version = self._look()
        self._looked = time.monotonic()
        self._desk.deliver([Outcome(self.opened, None, None)])
        last = rested = time.monotonic()
        following: Task | Hold | None = None
        while True:
            item = following
            following = None
            if item is None:
                try:
                    self._idle = True
                    item = self._inbox.get(timeout=self._patience())
                except Empty:
                    self._notice_others()
                    if time.monotonic() - last >= self._archive_pause():
                        self._archive(idle=True)
                    continue
                finally:
                    self._idle = False
            if item is None:
                break
            if isinstance(item, Hold):
                self._serve(item)
            else:
                group, following, stopping = self._gather(item)
                self._commit_together(group)
                if stopping:
                    break
            self._notice_others()
            self._archive(idle=False)
            last = time.monotonic()
            if last - rested >= REST_EVERY_SECONDS:
                time.sleep(REST_SECONDS)
                rested = time.monotonic()
        self._archive(idle=True)
        self._history.close()
        self._connection.close()

    def _gather(self, first: Task) -> tuple[list[Task], Hold | None, bool]:
        """What else is there by now: (tasks for one transaction, what comes after them, whether to stop)."""
        group = [first]
        while len(group) < WORK_PER_TRANSACTION:
            try:
                item = self._inbox.get_nowait()
            except Empty:
                break
            if item is None:
                return group, None, True
            if isinstance(item, Hold):
                return group, item, False
            group.append(item)
        return group, None, False

    def _commit_together(self, group: list[Task]) -> None:
        outcomes: list[Outcome] = []
        try:
            begin(self._connection, self._busy_seconds)
            for task in group:
                outcomes.append(self._attempt(task, alone=len(group) == 1))
            self._connection.execute("COMMIT")
        except BaseException as error:
            # Nothing was written; also the work that had succeeded must hear of it.
            self._connection.rollback()
            outcomes = [Outcome(task.future, None, error) for task in group]
        self._desk.deliver(outcomes)

    def _attempt(self, task: Task, *, alone: bool) -> Outcome:
        if task.future.cancelled():
            return Outcome(task.future, None, None)
        if alone:
            return Outcome(task.future, task.work(self._connection, self._history), None)
        self._connection.execute("SAVEPOINT work")
        try:
            outcome = Outcome(task.future, task.work(self._connection, self._history), None)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # too bad for SQLite (a full disk): it has rolled back everything
            self._connection.execute("ROLLBACK TO work")
            outcome = Outcome(task.future, None, error)
        self._connection.execute("RELEASE work")
        return outcome

    def _serve(self, hold: Hold) -> None:
        try:
            begin(self._connection, self._busy_seconds)
        except BaseException as error:
            hold.failed = True
            self._desk.deliver([Outcome(hold.ready, None, error)])
        else:
            self._desk.deliver([Outcome(hold.ready, None, None)])
        while isinstance(task := hold.tasks.get(), Task):
            try:
                outcome = Outcome(task.future, task.work(self._connection, self._history), None)
            except BaseException as error:
                hold.failed = True
                outcome = Outcome(task.future, None, error)
            self._desk.deliver([outcome])
        failure: BaseException | None = None
        try:
            if not task.commit:
                self._connection.rollback()
            elif hold.failed or not self._connection.in_transaction:
                self._connection.rollback()
                failure = DatabaseError("the transaction was rolled back: one of its statements had failed")
            else:
                self._connection.execute("COMMIT")
        except BaseException as error:
            self._connection.rollback()
            failure = error
        self._desk.deliver([Outcome(task.future, None, failure)])

    # --- between transactions -------------------------------------------------------------------

    def _patience(self) -> float | None:
        """How long to wait for work before there is something else to do; None: for ever."""
        if self._on_change is not None:
            return min(LOOK_SECONDS, self._archive_pause())
        if self._archives and self._connection.total_changes != self._archived_changes:
            return self._archive_pause()
        return None

    def _archive_pause(self) -> float:
        """Seconds of idleness before what has ended is copied: the more there is, the sooner."""
        if self._connection.total_changes - self._archived_changes < ARCHIVE_SOON_CHANGES:
            return ARCHIVE_IDLE_SECONDS
        return ARCHIVE_SOON_SECONDS

    def _look(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _notice_others(self) -> None:
        on_change = self._on_change  # once: the event loop may take it away at any moment
        now = time.monotonic()
        if on_change is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        version = self._look()
        if version != self._version:
            self._version = version
            self._desk.call(on_change)

    def _archive(self, *, idle: bool) -> None:
        changes = self._connection.total_changes
        if not self._archives or changes == self._archived_changes:
            return
        if not idle and changes - self._archived_changes < ARCHIVE_CHANGES:
            return
        if time.monotonic() < self._archive_after:
            return
        try:
            self._history.archive(self._connection)
            self._archived_changes = self._connection.total_changes
        except Exception as error:
            # Nothing is lost: the rows stay in the main file until a later run succeeds.
            self._archive_after = time.monotonic() + ARCHIVE_RETRY_SECONDS
            log.warning("finished jobs cannot be copied to the history yet: %s", error)


def _nothing(connection: sqlite3.Connection, history: History) -> None:
    """Work that only wakes the thread up."""
