"""This process as the database sees it: registration, heartbeat, self-fencing.

The heartbeat has a thread, an event loop and a connection of its own, so that a handler that hogs the
application's event loop does not make the node look dead. The same thread notices such a handler and
logs the line that blocks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from dbjobs import clock
from dbjobs.codec import dumps
from dbjobs.engine.stall import StallWatch
from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store import repository
from dbjobs.store.database import Database

T = TypeVar("T")

log = logging.getLogger("dbjobs")

# Heartbeats per lease; several may fail before the lease runs out.
BEATS_PER_LEASE = 6
# A node that could not renew for this share of its lease stops its jobs before others may take them.
FENCE_SHARE = 0.8
# How long a node that starts waits for a busy database.
REGISTER_SECONDS = 10.0
_TICK_SECONDS = 0.1


class Node:
    """Registers, renews the lease, and says when it is lost.

    Args:
        describe: facts about this node for people, called in the heartbeat's thread.
        on_cancel: told (on the application's loop) which of our jobs shall be cancelled.
        on_lost: told (on the application's loop) that the lease of a node id is over.
        on_registered: told (on the application's loop) that a new node id is in force.
    """

    def __init__(
        self,
        db: Database,
        *,
        lease_seconds: float,
        stall_seconds: float,
        describe: Callable[[], dict[str, Any]],
        on_cancel: Callable[[Iterable[int]], None],
        on_lost: Callable[[int], None],
        on_registered: Callable[[], None],
    ) -> None:
        self._db = db
        self._lease_seconds = lease_seconds
        self._describe = describe
        self._on_cancel = on_cancel
        self._on_lost = on_lost
        self._on_registered = on_registered
        self._loop = asyncio.get_running_loop()
        self._stall = StallWatch(self._loop, stall_seconds)
        self._first = self._loop.create_future()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="dbjobs-heartbeat", daemon=True)
        self.id: int | None = None
        # By ``clock.now()``. A process that was suspended finds it in the past before its heartbeat does.
        self.lease_ends = float("inf")
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    async def start(self) -> None:
        """Register; from here on the lease is renewed.

        Raises:
            DatabaseError: the first registration failed.
        """
        self._stall.start()
        self._thread.start()
        await self._first

    async def stop(self) -> None:
        """End the heartbeat."""
        self._stopping.set()
        self._stall.stop()
        await asyncio.to_thread(self._thread.join, 10)

    # --- the heartbeat's thread -----------------------------------------------------------------

    def _main(self) -> None:
        asyncio.run(self._beat_until_stopped())

    async def _beat_until_stopped(self) -> None:
        db = self._db.another()
        is_open = False
        renewed = clock.now()
        next_beat = 0.0
        registered: int | None = None
        while not self._stopping.is_set():
            now = clock.now()
            registered = self._fence(registered, renewed)
            if now >= next_beat:
                interval = self._lease_seconds / BEATS_PER_LEASE
                patience = REGISTER_SECONDS
                if registered is not None:
                    # A database that hangs must not keep us from fencing ourselves in time.
                    patience = min(max(interval * 2, 1.0), renewed + self._lease_seconds * FENCE_SHARE - now)
                try:
                    if not is_open:
                        await _at_most(patience, db.open())
                        is_open = True
                        patience -= clock.now() - now
                    if registered is None:
                        registered = await _at_most(patience, self._register(db, now))
                    elif not await _at_most(patience, self._beat(db, registered)):
                        registered = None
                        continue
                    else:
                        self.lease_ends = now + self._lease_seconds
                    renewed = now
                    next_beat = now + interval
                except (DatabaseError, TimeoutError) as error:
                    if not self._first.done():
                        self._tell(self._fail_start, error)
                        break
                    log.warning("heartbeat: %s; trying again", str(error) or "no answer in time")
                    registered = self._fence(registered, renewed)
                    next_beat = clock.now() + min(interval, 1.0)
                    await self._close(db)
                    is_open = False
                    db = self._db.another()
            self._stall.look()
            await asyncio.sleep(_TICK_SECONDS)
        await self._close(db)

    def _fence(self, registered: int | None, renewed: float) -> int | None:
        """The node id still in force: None once the lease has not been renewed for too long."""
        if registered is None or clock.now() - renewed < self._lease_seconds * FENCE_SHARE:
            return registered
        log.error("node %s could not renew its lease in time; its jobs are stopped", registered)
        self._tell(self._lose, registered)
        return None

    async def _close(self, db: Database) -> None:
        try:
            async with asyncio.timeout(2):
                await db.close()
        except (DatabaseError, TimeoutError):
            pass  # a broken connection; the process or the server will end it

    async def _register(self, db: Database, now: float) -> int:
        id = await repository.register_node(db, self.name, self._lease_seconds, dumps(self._describe()))
        self._tell(self._registered, id, now + self._lease_seconds)
        return id

    async def _beat(self, db: Database, id: int) -> bool:
        if not await repository.heartbeat(db, id, self._lease_seconds, dumps(self._describe())):
            log.error("the lease of node %s is over and others may have taken its jobs; they are stopped here", id)
            self._tell(self._lose, id)
            return False
        wanted = await repository.find_cancel_requests(db, id)
        if wanted:
            self._tell(self._on_cancel, wanted)
        return True

    def _tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._stopping.set()  # the application's loop is closed: nobody is left to run jobs

    # --- the application's loop -----------------------------------------------------------------

    def _registered(self, id: int, lease_ends: float) -> None:
        self.id = id
        self.lease_ends = lease_ends
        if not self._first.done():
            self._first.set_result(None)
        self._on_registered()

    def _lose(self, id: int) -> None:
        if self.id == id:
            self.id = None
            self._on_lost(id)

    def _no_answer(self) -> DatabaseError:
        return DatabaseUnavailable(
            f"the {self._db.dialect} database let this node not register within {REGISTER_SECONDS:g} s: is it locked?"
        )

    def _fail_start(self, error: BaseException) -> None:
        if not self._first.done():
            self._first.set_exception(error if isinstance(error, DatabaseError) else self._no_answer())


async def _at_most(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Wait so long and no longer: what is cancelled may take its time to end, and a lease does not wait for that.

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
