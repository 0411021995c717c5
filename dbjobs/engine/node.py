"""This process as the database sees it: registration, heartbeat, self-fencing.

The heartbeat has a thread, an event loop and a connection of its own, so that a handler that hogs the application's
event loop does not make the node look dead. That thread takes no lock that the application can hold: it does not log,
but hands what it has to say to the application's loop. It touches only the table of nodes.

Leases are compared on a clock that counts suspension (``dbjobs.clock``), and from the moment a renewal was *sent*. So a
node that cannot renew knows that its lease is over before the database does, and stops its jobs before others may take
them. A process that stood still (a suspended laptop, SIGSTOP) wakes up behind that moment. It starts nothing then, and
asks once whether somebody has taken over: if nobody has, the lease is renewed and its jobs go on; else, or without an
answer in ``_ask_seconds``, they are stopped. A step of the database's clock changes nothing: a node renews its lease
for as long as its row is there and not buried, whatever the row says about time.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from dbjobs import clock
from dbjobs.commands.codec import dumps
from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store import repository
from dbjobs.store.database import Database

T = TypeVar("T")

# Heartbeats per lease; several may fail before the lease runs out.
BEATS_PER_LEASE = 6
# A node that could not renew for this share of its lease stops its jobs before others may take them.
FENCE_SHARE = 0.8
# How long a node that starts waits for a busy database.
REGISTER_SECONDS = 10.0
CLOSE_SECONDS = 2.0
STOP_SECONDS = 10.0
_TICK_SECONDS = 0.1
# The heartbeat looks ten times a second. One that has not looked for this long stood still.
_STOOD_STILL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """What is called, on the application's loop, when the heartbeat finds something.

    Attributes:
        registered: a new node id is in force.
        lost: the lease of a node id is over (id, why).
        renewed_late: the lease was over by its length, but nobody had taken it, and it is in force again.
        trouble: the heartbeat has failed with this error and is tried again.
        answered: the database has answered the heartbeat.
        reconnected: the heartbeat needed a new connection, after this many seconds without an answer (None: it broke).
    """

    registered: Callable[[], None]
    lost: Callable[[int, str], None]
    renewed_late: Callable[[], None]
    trouble: Callable[[Exception], None]
    answered: Callable[[], None]
    reconnected: Callable[[float | None], None]


class Node:
    """Registers, renews the lease, and says when it is lost.

    Args:
        describe: facts about this node for people, called in the heartbeat's thread.
        listener: hears what happens.

    Attributes:
        id: the node id in force; None while there is none.
        lease_ends: when the lease is over, by ``dbjobs.clock``. A process that stood still finds it in the past before
            its heartbeat does: nothing may be started then.
    """

    def __init__(
        self, db: Database, *, lease_seconds: float, describe: Callable[[], dict[str, Any]], listener: Listener
    ) -> None:
        self._parent = db
        self._lease_seconds = lease_seconds
        self._describe = describe
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._first: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stopping = threading.Event()
        self._withdrawn = False
        self._thread = threading.Thread(target=self._main, name="dbjobs-heartbeat", daemon=True)
        self.id: int | None = None
        self.lease_ends = float("inf")
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        # The heartbeat's own, in its thread.
        self._db: Database | None = None
        self._registered: int | None = None
        self._renewed = clock.now()
        self._next_beat = 0.0
        self._broken = False
        self._silent_seconds: float | None = None

    async def start(self) -> None:
        """Register; from here on the lease is renewed.

        Raises:
            DatabaseError: the first registration failed.
        """
        self._thread.start()
        await self._first

    async def stop(self) -> None:
        """End the heartbeat."""
        self._stopping.set()
        if self._thread.is_alive():
            await asyncio.wait({self._ended}, timeout=STOP_SECONDS)
            self._thread.join(0.1)

    async def withdraw(self) -> None:
        """End the heartbeat of a node that has registered but does not start: its row goes, too."""
        self._withdrawn = True
        await self.stop()

    # --- the heartbeat's thread -----------------------------------------------------------------

    def _main(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._beat_until_stopped())
            except BaseException as raised:  # nobody else would renew the lease, or notice that it is over
                error = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
                self._db = None  # of the loop that is gone
                self._fence()
                if self._registered is None and not self._first.done():
                    self._tell(self._fail_start, error)
                    break
                self._tell(self._listener.trouble, error)
                self._stopping.wait(_STOOD_STILL_SECONDS)
        self._tell(self._end)

    async def _beat_until_stopped(self) -> None:
        ticked = clock.now()
        try:
            while not self._stopping.is_set():
                now = clock.now()
                if now - ticked > _STOOD_STILL_SECONDS and self._is_due_for_fencing(now):
                    await self._ask_after_standstill()
                self._fence()
                if clock.now() >= self._next_beat:
                    await self._try()
                    self._fence()
                ticked = clock.now()
                await asyncio.sleep(_TICK_SECONDS)
            if self._withdrawn and self._db is not None and self._registered is not None:
                with suppress(Exception):  # its lease runs out, then
                    await _at_most(CLOSE_SECONDS, repository.remove_node(self._db, self._registered))
        finally:
            await self._close()

    async def _try(self) -> None:
        """Register, or renew the lease; a failure is reported, and retried soon."""
        started = clock.now()
        interval = self._lease_seconds / BEATS_PER_LEASE
        patience = REGISTER_SECONDS
        if self._registered is not None:
            # A database that hangs must not keep us from fencing ourselves in time.
            patience = min(max(interval * 2, 1.0), self._fence_at() - started)
        try:
            await _at_most(patience, self._beat(started))
        except Exception as error:
            await self._failed(error, patience)
            self._next_beat = clock.now() + min(interval, 1.0)
        else:
            self._next_beat = started + interval if self._registered is not None else 0.0

    async def _ask_after_standstill(self) -> None:
        """This process stood still until its lease was over: is the lease still ours?"""
        started = clock.now()
        try:
            if self._db is not None:
                self._db.distrust(0.0)  # the connections have probably not survived it
            await _at_most(self._ask_seconds, self._beat(started))
        except Exception as error:
            await self._failed(error, self._ask_seconds)
        else:
            if self._registered is not None:
                self._tell(self._listener.renewed_late)

    async def _beat(self, started: float) -> None:
        """One round trip: the lease is renewed, or lost (no id is registered then), or a new id is there."""
        if self._db is None:
            # Set before it is open: closing it then also closes what a failed opening has begun.
            self._db = self._parent.another()
            await self._db.open()
        id, info = self._registered, self._info()
        if id is None:
            id = await repository.register_node(self._db, self.name, self._lease_seconds, info)
            self._registered = id
            self._tell(self._take, id, started + self._lease_seconds)
        elif not await repository.heartbeat(self._db, id, self._lease_seconds, info):
            self._registered = None
            self._tell(self._lose, id, "others have taken its jobs over")
            return
        else:
            self.lease_ends = started + self._lease_seconds
        self._renewed = started
        if self._broken:
            self._broken = False
            self._tell(self._listener.reconnected, self._silent_seconds)
        self._tell(self._listener.answered)

    async def _failed(self, error: Exception, patience: float) -> None:
        if isinstance(error, TimeoutError):
            error = self._no_answer(patience)
            self._silent_seconds = patience
        elif not self._broken:
            self._silent_seconds = None
        self._broken = True
        if not self._first.done() and self._registered is None:
            self._tell(self._fail_start, error)
            self._stopping.set()
        else:
            self._tell(self._listener.trouble, error)
        self._fence()
        # A lease does not wait for a good-bye.
        left = CLOSE_SECONDS if self._registered is None else min(CLOSE_SECONDS, self._fence_at() - clock.now())
        await self._close(left)

    def _fence(self) -> None:
        """Give the lease up if it has not been renewed for too long."""
        if self._registered is not None and self._is_due_for_fencing(clock.now()):
            id, self._registered = self._registered, None
            self._next_beat = 0.0
            self._tell(self._lose, id, "it could not be renewed in time")

    def _is_due_for_fencing(self, now: float) -> bool:
        return self._registered is not None and now >= self._fence_at()

    def _fence_at(self) -> float:
        return self._renewed + self._lease_seconds * FENCE_SHARE

    @property
    def _ask_seconds(self) -> float:
        return max(1.0, self._lease_seconds / 10)

    def _info(self) -> str:
        try:
            return dumps(self._describe())
        except Exception:  # facts for people: no lease is lost for them
            return "{}"

    async def _close(self, seconds: float = CLOSE_SECONDS) -> None:
        db, self._db = self._db, None
        if db is None:
            return
        with suppress(Exception):  # a broken connection; the process or the server will end it
            await _at_most(seconds, db.close())

    def _tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._stopping.set()  # the application's loop is closed: nobody is left to run jobs

    # --- the application's loop -----------------------------------------------------------------

    def _take(self, id: int, lease_ends: float) -> None:
        self.id = id
        self.lease_ends = lease_ends
        if not self._first.done():
            self._first.set_result(None)
        self._listener.registered()

    def _lose(self, id: int, why: str) -> None:
        if self.id == id:
            self.id = None
            self._listener.lost(id, why)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _no_answer(self, seconds: float) -> DatabaseError:
        return DatabaseUnavailable(
            f"the {self._parent.dialect} database did not answer the heartbeat within {seconds:.1f} s; is it locked?"
        )

    def _fail_start(self, error: Exception) -> None:
        if not self._first.done():
            self._first.set_exception(error)


async def _at_most(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Wait for this time and no longer: a cancelled task may take its time to end, and a lease cannot wait for it.

    Raises:
        TimeoutError.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(seconds, 0.0))
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody asks any more
    if not done:
        raise TimeoutError
    return task.result()
