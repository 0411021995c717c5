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

from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store.sqlite.archiving import Archiving
from dbjobs.store.sqlite.connection import begin, limit_log, make_room, roll_back
from dbjobs.store.sqlite.errors import is_broken, is_full
from dbjobs.store.sqlite.history import History
from dbjobs.store.sqlite.others import LOOK_SECONDS, OtherCommits
from dbjobs.store.sqlite.threads import Connected, Task, Work, close_quietly
from dbjobs.store.sqlite.transaction import HeldTransaction
from dbjobs.store.threads import Done, Inbox, step_aside

log = logging.getLogger("dbjobs")

WORK_PER_TRANSACTION = 200
# A lock that is free for a few microseconds between two transactions is never free for others: other processes,
# and the heartbeat. (Measured with two saturated writers: a third one waited up to 3 s.)
REST_EVERY_SECONDS = 0.02
REST_SECONDS = 0.0004
# The free room on the disk is measured this often.
MEASURE_SECONDS = 1.0
# After a failure that belongs to no caller.
FAILED_SECONDS = 0.2


class Writer:
    """The writing thread.

    Args:
        inbox: where results go.
        connect: opens the connections; called in the thread.
        busy_seconds: how long to wait for the write lock of the file.
        archives: copy what has ended to the history now and then.
    """

    def __init__(
        self,
        inbox: Inbox,
        connect: Callable[[], Connected],
        busy_seconds: float,
        *,
        archives: bool,
    ) -> None:
        self._inbox = inbox
        self._connect = connect
        self._busy_seconds = busy_seconds
        self._archiving = Archiving(archives)
        self._queue: SimpleQueue[Task | HeldTransaction | None] = SimpleQueue()
        self._following: Task | HeldTransaction | None = None
        self._others = OtherCommits(inbox, self._connection_now)
        self._idle = False
        self._ended: DatabaseError | None = None
        self.opened = inbox.future()
        # The caller may no longer ask how it went.
        self.opened.add_done_callback(lambda opened: opened.cancelled() or opened.exception())
        self._thread = threading.Thread(target=self._run, name="dbjobs-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` in the next transaction; the result comes after its commit."""
        future = self._inbox.future()
        self._put(Task(work, future))
        if self._idle:
            step_aside()
        return future

    def hold(self) -> HeldTransaction:
        """A transaction of the caller's own; wait for ``held.ready``, and end it whatever happens."""
        held = HeldTransaction(self._inbox)
        self._put(held)
        return held

    def watch(self, on_change: Callable[[], None] | None) -> None:
        """Call a function in the event loop after each commit of another connection; None: no more."""
        self._others.on_change = on_change
        self._put(Task(_nothing, self._inbox.future()))  # wakes the thread up

    def stop(self) -> None:
        """Let the thread end after the work that is queued."""
        self._queue.put(None)

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most this time."""
        self._thread.join(seconds)

    def _put(self, item: Task | HeldTransaction) -> None:
        self._queue.put(item)
        if self._ended is not None:
            self._refuse_rest(self._ended)

    def _refuse_rest(self, error: DatabaseError) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(item, HeldTransaction):
                self._inbox.deliver([Done(item.ready, None, error)])
                item.refuse(error)
            elif item is not None:
                self._inbox.deliver([Done(item.future, None, error)])

    # --- in the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        """Tell every caller that waits for this thread, whatever happens here."""
        try:
            self._connected: Connected | None = self._connect()
            self._others.start_over()
        except BaseException as error:
            self._inbox.deliver([Done(self.opened, None, error)])
            self._end(DatabaseUnavailable(f"the database could not be opened: {error}"))
            return
        self._rested = self._measured = self._last = time.monotonic()
        self._inbox.deliver([Done(self.opened, None, None)])
        going_on = True
        while going_on:
            try:
                going_on = self._turn()
            except BaseException as error:
                self._get_over(error)
        self._archive(idle=True)
        self._end(DatabaseError("the database has been closed"))

    def _turn(self) -> bool:
        """Do the next piece of work, or what is to be done while there is none; False: it was the last."""
        item, self._following = self._following, None
        if item is None:
            try:
                self._idle = True
                item = self._queue.get(timeout=self._patience())
            except Empty:
                self._others.notice()
                if time.monotonic() - self._last >= self._archiving.pause(self._changes()):
                    self._archive(idle=True)
                return True
            finally:
                self._idle = False
        if item is None:
            return False
        stopping = False
        self._rest()
        if isinstance(item, HeldTransaction):
            self._serve(item)
            self._others.notice()
        else:
            group, self._following, stopping = self._gather(item)
            self._commit_together(group)
        if stopping:
            return False
        self._archive(idle=False)
        self._keep_log_small()
        self._last = time.monotonic()
        return True

    def _rest(self) -> None:
        """Leave the lock to others for a moment, now and then, unless it has just been free for as long."""
        now = time.monotonic()
        if now - self._last < REST_SECONDS:
            if now - self._rested < REST_EVERY_SECONDS:
                return
            time.sleep(REST_SECONDS)
        self._rested = now

    def _end(self, error: DatabaseError) -> None:
        self._ended = error
        self._refuse_rest(error)
        connected, self._connected = getattr(self, "_connected", None), None
        if connected is not None:
            close_quietly(connected)

    def _get_over(self, error: BaseException) -> None:
        """Handle a failure that belongs to no caller, such as a look at the file. The thread goes on."""
        self._inbox.call(log.warning, "SQLite's writer goes on after an error: %s", error)
        self._undo(error)
        time.sleep(FAILED_SECONDS)

    def _connection_now(self) -> Connected:
        """What this thread works on; made anew after it has failed."""
        if self._connected is None:
            self._connected = self._connect()
            self._others.start_over()
            self._archiving.start_over()
        return self._connected

    def _undo(self, error: BaseException) -> None:
        if self._connected is None:
            return
        roll_back(self._connected[0])
        if is_broken(error):
            close_quietly(self._connected)
            self._connected = None

    def _gather(self, first: Task) -> tuple[list[Task], HeldTransaction | None, bool]:
        """Take what has queued up by now: (tasks for one transaction, the next piece, whether to stop)."""
        group = [first]
        while len(group) < WORK_PER_TRANSACTION:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return group, None, True
            if isinstance(item, HeldTransaction):
                return group, item, False
            group.append(item)
        return group, None, False

    def _commit_together(self, group: list[Task]) -> None:
        """Commit these tasks and tell their callers.

        The delivery is nearly the last thing: it wakes the event loop, and a thread that has little left to do would
        then wait for the interpreter's lock. A caller that hands over more work meanwhile lets this thread go on.
        """
        done = self._committed(group)
        try:
            self._others.notice()
            self._idle = self._has_nothing_to_do
        finally:
            self._inbox.deliver(done)

    @property
    def _has_nothing_to_do(self) -> bool:
        archives = self._archiving.is_due(self._changes(), idle=False)
        return self._following is None and self._queue.empty() and not archives

    def _committed(self, group: list[Task], *, again: bool = True) -> list[Done]:
        try:
            connected = self._connection_now()
            begin(connected[0], self._busy_seconds)
            done = [self._attempt(task, connected, alone=len(group) == 1) for task in group]
            connected[0].execute("COMMIT")
        except BaseException as error:
            # Nothing was written: callers whose work had succeeded must hear of it, too.
            self._undo(error)
            if is_full(error) and again and self._make_room():
                return self._committed(group, again=False)
            return [Done(task.future, None, error) for task in group]
        return done

    def _attempt(self, task: Task, connected: Connected, *, alone: bool) -> Done:
        if task.future.cancelled():
            return Done(task.future, None, None)
        if alone:
            return Done(task.future, task.work(*connected), None)
        connection, _ = connected
        connection.execute("SAVEPOINT work")
        try:
            done = Done(task.future, task.work(*connected), None)
        except Exception as error:
            if not connection.in_transaction or is_full(error) or is_broken(error):
                raise  # SQLite has rolled back everything, or will
            connection.execute("ROLLBACK TO work")
            done = Done(task.future, None, error)
        connection.execute("RELEASE work")
        return done

    def _serve(self, held: HeldTransaction) -> None:
        try:
            connected = self._connection_now()
        except BaseException as error:
            self._inbox.deliver([Done(held.ready, None, error)])
            held.refuse(DatabaseUnavailable(f"the file cannot be opened: {error}"))
            return
        held.serve(connected, lambda: begin(connected[0], self._busy_seconds))
        if held.failure is not None:
            self._undo(held.failure)
            if is_full(held.failure):
                self._make_room()

    def _make_room(self) -> bool:
        """The disk is full: the logs may be what fills it. False if they are not, or cannot be moved."""
        if self._connected is None:
            return False
        connection, history = self._connected
        history.make_room()
        return make_room(connection)

    # --- between transactions -------------------------------------------------------------------

    def _patience(self) -> float | None:
        """How long to wait for work before there is something else to do; None: for ever."""
        changes = self._changes()
        if self._others.on_change is not None:
            return min(LOOK_SECONDS, self._archiving.pause(changes))
        return self._archiving.pause(changes) if self._archiving.is_wanted(changes) else None

    def _changes(self) -> int:
        """Rows changed by this connection so far; a new one begins at 0."""
        return 0 if self._connected is None else self._connected[0].total_changes

    def _archive(self, *, idle: bool) -> None:
        if not self._archiving.is_due(self._changes(), idle=idle):
            return
        try:
            connection, history = self._connection_now()
            history.archive(connection)
            self._archiving.succeeded(self._changes())
        except Exception as error:
            self._archiving.failed()
            self._undo(error)
            if is_full(error):
                self._make_room()
            self._inbox.call(log.warning, "finished jobs cannot be copied to the history yet: %s", error)

    def _keep_log_small(self) -> None:
        """Checkpoint sooner when there is less room on the disk."""
        if self._last - self._measured >= MEASURE_SECONDS and self._connected is not None:
            self._measured = self._last
            limit_log(self._connected[0])


def _nothing(connection: sqlite3.Connection, history: History) -> None:
    """A piece of work that only wakes the thread."""
