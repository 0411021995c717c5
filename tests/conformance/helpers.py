"""What many conformance tests need: waiting for a condition, handlers that record, nodes that die."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest

from dbjobs import Job, JobRef, Jobs, JobState, JobSummary
from dbjobs.engine.children import refusal
from dbjobs.engine.supervisor import Engine

PATIENCE_SECONDS = 20.0
# What a busy machine may add to a time that a promise names.
SLACK_SECONDS = 5.0
START = (-(2**31), 0)  # the (priority, id) after which a claim sees all of a queue
_LOOK_SECONDS = 0.01

needs_process_groups = pytest.mark.skipif(refusal() is not None, reason="process=True is refused on this system")


async def eventually(
    condition: Callable[[], Any | Awaitable[Any]], what: str, *, timeout: float = PATIENCE_SECONDS
) -> Any:
    """Wait until the condition is true, and return its value; fail, saying what, after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} (last: {value!r})")
        await asyncio.sleep(_LOOK_SECONDS)


async def soon(event: asyncio.Event, what: str, *, timeout: float = PATIENCE_SECONDS) -> None:
    """Wait for an event; fail, saying what, after ``timeout`` seconds."""
    try:
        await asyncio.wait_for(event.wait(), timeout)
    except TimeoutError:
        raise AssertionError(f"not within {timeout:g} s: {what}") from None


async def wait_all(jobs: Jobs, refs: Sequence[JobRef], *, timeout: float = 90.0) -> list[Job]:
    """All these jobs as they ended."""
    return await asyncio.gather(*(jobs.wait(ref, timeout=timeout) for ref in refs))


async def state_of(jobs: Jobs, ref: JobRef) -> JobState:
    """A job's state now."""
    job = await jobs.get(ref)
    assert job is not None, f"job {ref.id} is gone"
    return job.state


async def whole_list(jobs: Jobs, **where: Any) -> list[JobSummary]:
    """Every row that holds a job, live and in history: a job in two places is in it twice."""
    rows: list[JobSummary] = []
    before: int | None = None
    while page := await jobs.list(before_id=before, limit=1000, **where):
        rows += page
        before = page[-1].id
    return rows


async def assert_each_once(jobs: Jobs, refs: Sequence[JobRef], state: JobState = JobState.COMPLETED) -> None:
    """Each of these jobs is in history exactly once, in this state, and there is no other job."""
    rows = await whole_list(jobs)
    assert Counter(row.id for row in rows) == Counter(ref.id for ref in refs)
    assert {row.state for row in rows} <= {state}


class Runs:
    """What handlers did: in which order, and how many at the same time. Safe in threads.

    Attributes:
        order: what was started, in order.
        most: the largest number of runs at the same time, by key.
    """

    def __init__(self) -> None:
        self.order: list[Any] = []
        self.most: Counter[Any] = Counter()
        self._now: Counter[Any] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def run(self, what: Any, key: Any = None) -> Iterator[None]:
        """One run, from start to end."""
        with self._lock:
            self.order.append(what)
            self._now[key] += 1
            self.most[key] = max(self.most[key], self._now[key])
        try:
            yield
        finally:
            with self._lock:
                self._now[key] -= 1

    def now(self, key: Any = None) -> int:
        """Runs at this moment."""
        return self._now[key]


class Gate:
    """A handler's body that says it has started and then waits to be let through."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.inside = 0
        self.cancelled = 0

    async def __call__(self) -> None:
        self.inside += 1
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1

    def open(self) -> None:
        """Let everybody through."""
        self.opened.set()

    async def wait_entered(self) -> None:
        """Until a handler has started."""
        await soon(self.entered, "a handler starts")


@asynccontextmanager
async def nodes(url: str, count: int, register: Callable[[Jobs], Any], **settings: Any) -> AsyncIterator[list[Jobs]]:
    """Several nodes on one database, each with the commands that ``register`` gives it."""
    async with AsyncExitStack() as stack:
        started: list[Jobs] = []
        for _ in range(count):
            jobs = Jobs(url)
            register(jobs)
            await stack.enter_async_context(jobs.start(**settings))
            started.append(jobs)
        yield started


def stop_heartbeat(engine: Engine) -> None:
    """From here on this node neither renews its lease nor notices: as others see it, it is dead."""
    engine._node._stopping.set()
    engine._node.lease_ends = float("inf")
