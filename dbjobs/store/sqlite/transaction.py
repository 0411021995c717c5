"""A transaction that the event loop drives, statement by statement, on the writer's thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from dbjobs.errors import DatabaseError, TransactionConflict
from dbjobs.store.sqlite.connection import roll_back
from dbjobs.store.sqlite.threads import Connected, Task, Work
from dbjobs.store.threads import Done, Inbox

# During it the writer serves nobody else and no other process can write. If the event loop is blocked in the middle for
# this long, the transaction is rolled back and repeated as a whole.
PAUSE_SECONDS = 2.0


class End:
    """The last piece of work: commit, or roll back."""

    def __init__(self, commit: bool, future: asyncio.Future[Any]) -> None:
        self.commit = commit
        self.future = future


class HeldTransaction:
    """The transaction, as both sides see it: the event loop hands work over, the writer does it.

    Attributes:
        ready: it has begun; or why it has not.
        failed: nothing of it will be kept.
        failure: the error that is to blame, if it is a statement's.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.ready = inbox.future()
        self.failed = False
        self.failure: BaseException | None = None
        self._tasks: SimpleQueue[Task | End] = SimpleQueue()
        self._given_up: DatabaseError | None = None

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Run ``work(connection, history)`` inside the transaction."""
        future = self._inbox.future()
        self._put(Task(work, future))
        return future

    def end(self, *, commit: bool) -> asyncio.Future[Any]:
        """Commit or roll back; the writer is free again."""
        future = self._inbox.future()
        self._put(End(commit, future))
        return future

    @property
    def refusal(self) -> DatabaseError | None:
        """Why no more statements are run; None: they are."""
        if self._given_up is not None:
            return self._given_up
        if self.failed:
            return DatabaseError("the transaction is rolled back: an earlier statement of it has failed")
        return None

    def _put(self, item: Task | End) -> None:
        self._tasks.put(item)
        if self._given_up is not None:
            self._refuse_rest()

    # --- in the writer's thread -----------------------------------------------------------------

    def serve(self, connected: Connected, begin: Callable[[], None]) -> None:
        """Begin, run the statements as they come, and end. Every waiting caller gets an answer, whatever happens."""
        connection, _ = connected
        try:
            begin()
        except BaseException as error:
            self.failed, self.failure = True, error
            self._inbox.deliver([Done(self.ready, None, error)])
        else:
            self._inbox.deliver([Done(self.ready, None, None)])
        while True:
            try:
                item = self._tasks.get(timeout=PAUSE_SECONDS)
            except Empty:
                self._give_up(connection)
                return
            if isinstance(item, End):
                self._inbox.deliver([Done(item.future, None, self._end(item, connection))])
                return
            self._inbox.deliver([self._attempt(item, connected)])

    def _give_up(self, connection: sqlite3.Connection) -> None:
        """Roll back and serve others; later statements are refused."""
        roll_back(connection)
        self.refuse(
            TransactionConflict(
                f"the transaction was rolled back: it made no progress for {PAUSE_SECONDS:g} s while others waited"
            )
        )

    def refuse(self, error: DatabaseError) -> None:
        """Run nothing more."""
        self.failed = True
        self._given_up = error
        self._refuse_rest()

    def _attempt(self, task: Task, connected: Connected) -> Done:
        try:
            return Done(task.future, task.work(*connected), None)
        except BaseException as error:
            self.failed, self.failure = True, error
            return Done(task.future, None, error)

    def _end(self, end: End, connection: sqlite3.Connection) -> BaseException | None:
        try:
            if end.commit and not self.failed and connection.in_transaction:
                connection.execute("COMMIT")
                return None
        except BaseException as error:
            self.failure = error
            return error
        finally:
            roll_back(connection)  # nothing, after a commit
        self.failed = True
        return self.refusal if end.commit else None

    def _refuse_rest(self) -> None:
        while True:
            try:
                item = self._tasks.get_nowait()
            except Empty:
                return
            undone = isinstance(item, End) and not item.commit
            self._inbox.deliver([Done(item.future, None, None if undone else self.refusal)])
