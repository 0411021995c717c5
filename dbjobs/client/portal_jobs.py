"""A second client of a Jobs object, open in an event loop in a thread of ours: what ``jobs.sync`` works through."""

from __future__ import annotations

import atexit
import copy
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.client.client import Client
from dbjobs.client.portal import Portal
from dbjobs.errors import WrongLoop
from dbjobs.models import Job, JobRef
from dbjobs.queues import QueueAdmin
from dbjobs.store.records import NewJob
from dbjobs.store.synchronous import in_event_loop
from dbjobs.store.transactions.enqueueing import Parent
from dbjobs.store.transactions.queues import KnownQueues

CLOSE_SECONDS = 10.0

Reference = JobRef[Any] | int


class AsyncJobs(Protocol):
    """The part of Jobs that its blocking twin uses."""

    _client: Client
    _api: ApiJobs
    queues: QueueAdmin

    @property
    def enqueue(self) -> Callable[..., Coroutine[Any, Any, JobRef]]: ...

    @property
    def enqueue_many(self) -> Callable[..., Coroutine[Any, Any, list[JobRef]]]: ...

    @property
    def wait(self) -> Callable[..., Coroutine[Any, Any, Job]]: ...

    @property
    def get(self) -> Callable[..., Coroutine[Any, Any, Job | None]]: ...

    async def get_by_ref_id(self, ref_id: str) -> Job | None: ...

    async def cancel(self, job: Reference, *, reason: str = "cancelled") -> bool: ...

    def _row(self, wanted: Any, request: Any, options: Mapping[str, Any]) -> tuple[NewJob, tuple[Parent, ...]]: ...

    def _rows(self, command: Any, requests: Iterable[Any], options: Mapping[str, Any]) -> list[NewJob]: ...


class PortalJobs:
    """Opens the same Jobs once more, with a client of its own, for threads without an event loop. Safe in threads.

    A forked process opens its own; what is open at the end of the process is closed.

    Attributes:
        known_queues: queues that are known to be in the database that is open.
    """

    def __init__(self, jobs: AsyncJobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._portal: Portal | None = None
        self._inner: AsyncJobs | None = None
        self.known_queues = KnownQueues()

    def opened(self, name: str) -> tuple[AsyncJobs, Portal]:
        """The same Jobs with its own client, open in the portal's event loop.

        Args:
            name: of the call of ``jobs.sync`` that needs it.

        Raises:
            WrongLoop: an event loop runs in this thread. DatabaseUnavailable, MissingPermission, SchemaTooNew,
            SchemaTooOld.
        """
        if in_event_loop():
            raise WrongLoop(
                f"jobs.sync.{name}() would block the event loop that runs in this thread: await jobs.{name}() here, or "
                "call it in another thread (asyncio.to_thread)"
            )
        with self._lock:
            if self._portal is None or self._inner is None:
                opening = self._jobs._client.opening
                inner = copy.copy(self._jobs)
                inner._client = Client(opening.make, migrate=opening.migrates)
                inner._client.deliver = self._jobs._client.deliver
                inner.queues = QueueAdmin(inner._client)
                portal = Portal()
                try:
                    portal.wait(inner._client.opening.open())
                except BaseException:
                    portal.stop()
                    raise
                self._portal, self._inner = portal, inner
                self.known_queues = KnownQueues()
                _open.add(self)
            return self._inner, self._portal

    def close(self) -> None:
        """Close what is open; the next call opens it again."""
        with self._lock:
            portal, inner = self._portal, self._inner
            self._portal = self._inner = None
            if portal is None or inner is None:
                return
            try:
                portal.wait(inner._client.opening.close(), CLOSE_SECONDS)
            finally:
                portal.stop()

    def _forget(self) -> None:
        """This process was forked: the threads and connections belong to its parent."""
        if self._portal is not None:
            _inherited.append((self._portal, self._inner))  # nothing closes them here
        self._lock = threading.Lock()
        self._portal = self._inner = None


_open: WeakSet[PortalJobs] = WeakSet()
_inherited: list[Any] = []


def _close_all() -> None:
    for one in list(_open):
        with suppress(Exception):  # the process ends
            one.close()


def _forget_all() -> None:
    for one in list(_open):
        one._forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_forget_all)
