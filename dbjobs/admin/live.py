"""Tells open pages that something changed, so they ask again.

One task polls the database for all streams of this process, and only while there are any. A stream carries no data:
the page request decides what a visitor may see.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import anyio
import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.rush import Rush
from dbjobs.errors import DatabaseError, DbjobsError
from dbjobs.jobs import Jobs
from dbjobs.models import NodeInfo
from dbjobs.store import repository

# Nodes seldom come and go; on SQLite their rows are in a file of their own.
NODES_SECONDS = 1.0
# A request counts in the hour it began in. The page sees longer ones when it asks by itself.
REQUESTS_TIME = timedelta(hours=2)
# When nothing changes, these tell the page that its stream is alive, and make the server check the visitor's right.
BEAT_SECONDS = 10.0
MOST_STREAMS = 256
MOST_JOBS = 50
# Padding, for proxies that hold an answer back until they have this many bytes.
PADDING = " " * 2048


class NoRoom(DbjobsError):
    """The maximum number of pages is listening already."""


class Notice(msgspec.Struct, frozen=True):
    """Something changed.

    Attributes:
        all: more than single jobs.
        jobs: which of the jobs the stream named.
        requests: the request log, if the stream named it.
    """

    all: bool
    jobs: tuple[int, ...] = ()
    requests: bool = False


@dataclass(eq=False)
class Listener:
    """One stream.

    Attributes:
        jobs: ids that its pages show.
        requests: they show the request log.
        all, changed, logged: what it still has to be told.
        trouble: the database does not answer.
        begun: a look has been made since it began, to compare with.
        over: the server is stopping.
    """

    jobs: frozenset[int]
    requests: bool = False
    all: bool = False
    changed: set[int] = field(default_factory=set)
    logged: bool = False
    trouble: bool = False
    over: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self) -> None:
        """End the stream: its server is stopping."""
        self.over = True
        self.begun.set()
        self.woken.set()

    def take(self) -> Notice | None:
        """What to tell; None: nothing."""
        self.woken.clear()
        if not self.waits:
            return None
        notice = Notice(self.all, tuple(sorted(self.changed)), self.logged)
        self.all, self.changed, self.logged = False, set(), False
        return notice

    @property
    def waits(self) -> bool:
        """Whether there is something to tell."""
        return self.all or bool(self.changed) or self.logged


class Live:
    """The streams of one page, and the task that polls for them.

    Attributes:
        listeners: the streams that are open.
        looks: how often the database was asked.
        answering_seconds: total time of answers to open pages since the last look.
    """

    def __init__(self, jobs: Jobs, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._jobs = jobs
        self._sleep = sleep
        self.listeners: set[Listener] = set()
        self.looks = 0
        self.answering_seconds = 0.0
        self._looking: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def listening(self, listener: Listener) -> AsyncIterator[Listener]:
        """Keep a listener informed while the block runs. The first one starts the task, the last one ends it.

        Raises:
            NoRoom: there are too many.
        """
        if len(self.listeners) >= MOST_STREAMS:
            raise NoRoom(f"{MOST_STREAMS} pages listen already: this one asks now and then instead")
        self.listeners.add(listener)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield listener
        finally:
            self.listeners.discard(listener)
            if not self.listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        """Compare the database's state with the previous one, until nobody listens."""
        after_id = 0
        before: object = None
        nodes: object = None
        jobs_before: dict[int, tuple[str, ...]] = {}
        requests_before: int | None = None
        nodes_at = 0.0
        rush = Rush()
        while True:
            asking = list(self.listeners)
            try:
                named = sorted({job for listener in asking for job in listener.jobs})
                now = await repository.pulse(self._jobs._client.db, after_id=after_id)
                jobs = await repository.pulse_jobs(self._jobs._client.db, named)
                requests = await self._requests() if any(listener.requests for listener in asking) else None
                if time.monotonic() - nodes_at >= NODES_SECONDS:
                    nodes_at = time.monotonic()
                    nodes = [_shown(node) for node in await repository.list_nodes(self._jobs._client.db)]
            except DbjobsError:
                for listener in self.listeners:
                    listener.trouble = True
                    listener.woken.set()
                await self._sleep(1.0)
                continue
            self.looks += 1
            newest, after_id = now.newest_id is not None, now.newest_id or after_id
            current = (now.ended, now.rest, nodes)
            elsewhere = before is not None and (newest or current != before)
            logged = None not in (requests, requests_before) and requests != requests_before
            tells = rush.looked(now.ended, time.monotonic(), self.answering_seconds)
            self.answering_seconds = 0.0
            changed = {job for job in named if job in jobs_before and jobs.get(job, ()) != jobs_before[job]}
            for listener in asking:
                listener.begun.set()
                listener.trouble = False
                listener.all = listener.all or elsewhere
                listener.changed |= changed & listener.jobs
                listener.logged = listener.logged or (logged and listener.requests)
                if tells and listener.waits:
                    listener.woken.set()
            before, requests_before = current, requests
            jobs_before = {job: jobs.get(job, ()) for job in named}
            await self._sleep(rush.pause)

    async def _requests(self) -> int:
        """How many requests the log counted lately."""
        now = datetime.now(UTC)
        since = max(now - REQUESTS_TIME, now.replace(day=1, hour=0))
        return await repository.pulse_requests(self._jobs._client.db, f"{now:%Y%m}", f"{since:%Y-%m-%d %H}:00:00")

    async def serve(self, call: Call, still: Callable[[], Awaitable[bool]]) -> Response:
        """The stream of a visitor.

        Args:
            still: whether the visitor may still look; called before each notice. It may raise DatabaseError.

        Raises:
            NoRoom: there are too many.
        """
        call.need("view")
        jobs = frozenset(
            int(text)
            for text in call.request.query_params.getlist("job")[:MOST_JOBS]
            if text.isascii() and text.isdigit() and len(text) < 19
        )
        if len(self.listeners) >= MOST_STREAMS:
            raise NoRoom(f"{MOST_STREAMS} pages listen already: this one asks now and then instead")
        _ = call.db  # raises if the jobs are not open, while we can still send a status that says so
        listener = Listener(jobs, requests="requests" in call.request.query_params)
        return EventSourceResponse(
            self._events(listener, still),
            ping=3600,
            shutdown_event=cast("anyio.Event", listener),  # its set() ends the stream as it should end
            shutdown_grace_period=1.0,
        )

    async def _events(self, listener: Listener, still: Callable[[], Awaitable[bool]]) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(comment=PADDING, retry=2000)
        try:
            async with self.listening(listener):
                await listener.begun.wait()
                # The page asks once, for what changed before this stream began.
                yield ServerSentEvent(event="open", data="{}")
                while not listener.over:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(listener.woken.wait(), BEAT_SECONDS)
                    listener.woken.clear()  # or we would retry in a tight loop what we cannot tell yet
                    try:
                        if not listener.trouble and not await still():
                            yield ServerSentEvent(event="closed", data="{}")
                            return
                    except DatabaseError:
                        listener.trouble = True
                    if listener.over:
                        return
                    if listener.trouble:
                        listener.trouble = False
                        yield ServerSentEvent(event="trouble", data="{}")
                    elif (notice := listener.take()) is None:
                        yield ServerSentEvent(event="beat", data="{}")
                    else:
                        yield ServerSentEvent(event="change", data=msgspec.json.encode(notice).decode())
        except NoRoom:
            yield ServerSentEvent(event="closed", data="{}")


def _shown(node: NodeInfo) -> tuple[object, ...]:
    """The part of a node that pages show and that seldom changes: not its load, which changes with every heartbeat."""
    drains = bool(node.info.get("draining"))
    return node.id, node.alive, node.buried, drains, drains and bool(node.info.get("running"))
