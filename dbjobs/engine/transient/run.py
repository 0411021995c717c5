"""A transient run as its caller holds it: state, progress, log, its end."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

import anyio

from dbjobs.commands import options
from dbjobs.context import JobContext, current_job
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.errors import InvalidOption, NotStored
from dbjobs.models import Job, JobRef, JobState, ResponseT, RunLine
from dbjobs.transaction import Transaction

log = logging.getLogger("dbjobs")

# Log lines of one run that are kept, the latest ones.
LINES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of the application's Jobs that handlers of transient runs may make."""

    enqueue: Callable[..., Awaitable[JobRef]]
    get_many: Callable[..., Awaitable[dict[int, Job]]]


class RunServices:
    """Services for the context of a transient run: reports stay in memory.

    Args:
        calls: the application's Jobs.
        caller: the context of the handler that has called the run, if one has.
    """

    def __init__(self, calls: Calls, caller: JobContext | None) -> None:
        self.enqueue = calls.enqueue
        self.get_many = calls.get_many
        self.caller = caller
        self.lines: deque[RunLine] = deque(maxlen=LINES_KEPT)

    @property
    def reports(self) -> RunServices:
        """Where progress and log lines go: here."""
        return self

    def log(self, context: JobContext, level: str, message: str) -> None:
        """Keep a line; safe in any thread."""
        self.lines.append(RunLine(at=datetime.now(UTC), level=level, message=message))

    def progress(self, context: JobContext) -> None:
        """The context has it."""

    def transaction(self, context: JobContext, /) -> AbstractAsyncContextManager[Transaction]:
        """Refuse: no row could be completed in it."""
        raise NotStored(
            "job.transaction(): a transient run is not stored, so no transaction can complete it; open one of the "
            "application's own, or enqueue the command"
        )


class Run(Generic[ResponseT]):
    """A transient run: a command that this process runs now, and that is stored nowhere. ``Jobs.submit`` returns it.

    ``await run`` gives the handler's response, or raises what the handler has raised. Like a task of asyncio, it is
    cancelled when its awaiter is cancelled (``wait`` only watches).

    Attributes:
        id: its number in this process; ``job.id`` in its handler is the same below zero.
        command: name of its command.
        worker: the lane that it runs in, if any.
        exclusive: it has, or waits for, the lane over all nodes.
        submitted_at, started_at, ended_at: in UTC by this process's clock; None while that is ahead.
        duration_ms: how long its handler ran; None before it has ended, or if it never started.
    """

    def __init__(self, attempt: Attempt, services: RunServices, *, exclusive: bool) -> None:
        self.id = -attempt.job.id
        self.command = attempt.job.command
        self.worker = attempt.job.worker
        self.exclusive = exclusive
        self.submitted_at = attempt.job.created_at
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.duration_ms: float | None = None
        self._attempt = attempt
        self._services = services
        self._state = JobState.QUEUED
        self._response: Any = None
        self._error: BaseException | None = None
        self._ended = asyncio.Event()
        self._told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters = 0
        self._on_success: list[Callable[[Any], Any]] = []
        self._on_failed: list[Callable[[BaseException], Any]] = []

    def __repr__(self) -> str:
        where = "" if self.worker is None else f" worker={self.worker!r}"
        return f"<Run {self.id} {self.command!r}{where} {self.state}>"

    # --- look -----------------------------------------------------------------------------------

    @property
    def state(self) -> JobState:
        """``queued`` (it waits for its lane or a place), ``started``, ``completed``, ``failed`` or ``cancelled``."""
        return self._state

    @property
    def finished(self) -> bool:
        """True once it has ended."""
        return self._state.finished

    @property
    def progress(self) -> float | None:
        """Last progress reported by the handler, in [0, 1]."""
        return self._attempt.context.progress_value

    @property
    def status(self) -> str | None:
        """Last status text reported by the handler."""
        return self._attempt.context.status

    @property
    def logs(self) -> list[RunLine]:
        """The handler's log: the latest 1,000 lines, oldest first."""
        return list(self._services.lines)

    @property
    def error(self) -> BaseException | None:
        """Why it has failed or was cancelled."""
        return self._error

    @property
    def cancel_requested(self) -> bool:
        """True once it was asked to end: by ``cancel``, its timeout, or a stop."""
        return self._attempt.context.cancelled

    # --- intervene ------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Ask it to end, as a durable job is asked; False if it has ended before. Call it in the event loop."""
        if self.finished:
            return False
        self.end(Stop.CANCEL)
        return True

    def end(self, reason: Stop) -> None:
        """Ask it to end, for any reason."""
        self._attempt.end(reason, time.monotonic())
        if not self._told.done():
            self._told.set_result(None)

    def on_success(self, function: Callable[[Any], Any]) -> Run[ResponseT]:
        """Call this with the response when it has completed (now, if it has); plain or async. Returns the run."""
        return self._listen(self._on_success, function)

    def on_failed(self, function: Callable[[BaseException], Any]) -> Run[ResponseT]:
        """Call this with the error when it has failed or was cancelled; plain or async. Returns the run."""
        return self._listen(self._on_failed, function)

    def _listen(self, listeners: list[Callable[[Any], Any]], function: Callable[[Any], Any]) -> Run[ResponseT]:
        if not callable(function):
            raise InvalidOption(f"a run calls a function at its end, not {function!r}")
        if self.finished:
            raise InvalidOption(f"transient run {self.id} has ended already: look at its state")
        listeners.append(function)
        return self

    # --- wait -----------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, ResponseT]:
        return self._result().__await__()

    async def _result(self) -> ResponseT:
        self.refuse_to_wait_for_oneself()
        self._waiters += 1
        try:
            await self._ended.wait()
        except asyncio.CancelledError:
            self.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()
            raise
        finally:
            self._waiters -= 1
        if self._error is not None:
            raise self._error
        response: ResponseT = self._response
        return response

    async def wait(self, timeout: float | timedelta | None = None) -> Run[ResponseT]:
        """Wait for its end, in any state. Giving up the wait does not cancel it.

        Args:
            timeout: seconds (or timedelta); None for no limit.

        Raises:
            TimeoutError: it has not ended in this time; it goes on.
            InvalidOption: the timeout is not a duration; or this would wait for itself.
        """
        self.refuse_to_wait_for_oneself()
        seconds = None if timeout is None else options.duration(timeout, "wait: timeout")
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            raise TimeoutError(
                f"transient run {self.id} of {self.command!r} has not ended within {seconds:g} s"
            ) from None
        return self

    def refuse_to_wait_for_oneself(self) -> None:
        """Raise InvalidOption if the handler that would wait here has the lane that this waits for."""
        if self.worker is None or self._state is not JobState.QUEUED:
            return
        context = current_job.get()
        while context is not None:
            if context.worker == self.worker and context.home is self._attempt.context.home:
                raise InvalidOption(
                    f"transient run of {self.command!r}: worker {self.worker!r} is busy with the handler of "
                    f"{context.command!r} that waits for it here, so neither would ever go on; leave worker= out, or "
                    "do not wait"
                )
            services = context._services
            context = services.caller if isinstance(services, RunServices) else None

    # --- its life, told by Transients -----------------------------------------------------------

    async def until(self, future: asyncio.Future[None] | None, seconds: float | None = None) -> None:
        """Wait for something, or until it is told to end."""
        if future is None or not future.done():
            waits_for = {self._told} if future is None else {self._told, future}
            await asyncio.wait(waits_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def begin(self) -> None:
        """Its handler starts."""
        self._state = JobState.STARTED
        self.started_at = datetime.now(UTC)

    def conclude(self, state: JobState, response: Any, error: BaseException | None, duration_ms: float | None) -> bool:
        """Note its end and wake all who wait; False if nobody hears of an error."""
        self._state, self._response, self._error = state, response, error
        self.ended_at = datetime.now(UTC)
        self.duration_ms = duration_ms if self.started_at is not None else None
        self._ended.set()
        return error is None or self._waiters > 0 or bool(self._on_failed)

    async def tell(self) -> None:
        """Call the callbacks for its end; their errors are logged."""
        told: Any = self._response if self._error is None else self._error
        for function in self._on_success if self._error is None else self._on_failed:
            try:
                answer = function(told)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                log.exception("transient run %s (%s): %r raised", self.id, self.command, function)
