"""One attempt from its start to its outcome. Nothing that happens in it escapes from it."""

from __future__ import annotations

import asyncio
import contextvars
import dis
import logging
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from types import CodeType, CoroutineType
from typing import Any, Protocol

from msgspec.structs import replace

from dbjobs import clock
from dbjobs.commands import codec
from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext, StoppedAtCheck, current_job
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.blocking import Call, ProcessCall
from dbjobs.engine.children import Children
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.failure import failed, raised_after_completion, stopped, untold, word_of
from dbjobs.engine.steps import Seat, Steps
from dbjobs.errors import ApiFailed, Cancel, InvalidResponse, RetryAfter, UnknownCommand
from dbjobs.store.records import Outcome

log = logging.getLogger("dbjobs")


class Writes(Protocol):
    """Writes an outcome before the attempt goes on (see Finisher)."""

    async def durably(self, attempt: Attempt, outcome: Outcome) -> bool: ...


class Reported(Protocol):
    """Hears that a handler has completed its job in a transaction of its own (see Reporter)."""

    def completed(self, context: JobContext) -> None: ...


class Execution:
    """Runs handlers.

    Args:
        lease_ends: when the lease of the node is over, by ``clock.now()``.
        current_node: the node id in force.
        on_call_ended: called when the thread or process of an attempt has ended, which may be after the attempt.
    """

    def __init__(
        self,
        registry: Registry,
        finisher: Writes,
        deadlines: Deadlines,
        children: Children,
        reports: Reported,
        *,
        max_payload_bytes: int,
        lease_ends: Callable[[], float],
        current_node: Callable[[], int | None],
        on_call_ended: Callable[[Attempt], None],
    ) -> None:
        self._registry = registry
        self._finisher = finisher
        self._deadlines = deadlines
        self._children = children
        self._reports = reports
        self._max_payload_bytes = max_payload_bytes
        self._lease_ends = lease_ends
        self._current_node = current_node
        self._on_call_ended = on_call_ended
        # The context variables as they were when the workers started; each attempt gets a copy.
        self._context = contextvars.copy_context()
        self.ending = False

    async def run(self, attempt: Attempt, seat: Seat) -> Outcome | None:
        """Run the handler once.

        Args:
            seat: the task that runs it: this one.

        Returns:
            The outcome, None if there is nothing to write.

        Raises:
            BaseException: the node, or the event loop, is being taken down.
        """
        began = time.monotonic()
        steps: Steps | None = None
        try:
            if clock.now() > self._lease_ends() or attempt.node_id != self._current_node():
                attempt.stop = Stop.LOST  # this process was suspended or cut off: another node may run the job by now
            if attempt.stop is not None:
                return stopped(attempt, 0.0)
            job = attempt.job
            context = self._context.copy()
            context.run(current_job.set, attempt.context)
            response: Any = None
            error: BaseException | None = None
            command = attempt.command if job.executed_at is None else self._registry.get(job.callback or "")
            attempt.steps = steps = Steps(context, seat)
            # The handler's time limit counts from here; in a process, from its start there.
            if job.timeout_seconds and (command is None or command.is_async or not command.process):
                self._set_deadline(attempt, began)
            try:
                steps.take(self._body(attempt, command, context))
                response = await steps
            except BaseException as raised:
                if self.ending or steps.torn or (_is_ctrl_c(raised) and attempt.call is None):
                    raise
                error = raised
            finally:
                attempt.steps = None
            if seat.task.cancelling():
                await _forget_cancellations(seat.task)
            duration_ms = (time.monotonic() - began) * 1000
            if attempt.context._settled:
                self._reports.completed(attempt.context)
                if error is not None and not _is_cancellation(error):
                    raised_after_completion(attempt, error)
                return None
            if attempt.abandoned and attempt.lane_rest is None:
                return None
            # The node stops, but this handler has reached its end, or decides itself how the job goes on.
            if attempt.stop is not None and not (attempt.stop is Stop.SHUTDOWN and _is_decided(error)):
                return stopped(attempt, duration_ms)
            if attempt.context._executed_body is not None and job.executed_at is None:
                return await self._run_callback(attempt, attempt.context._executed_body[0], seat)
            if error is not None:
                return failed(attempt, error, duration_ms)
            success = self._success(attempt, response, duration_ms)
            if job.callback is None or job.executed_at is not None or success.kind != "completed":
                return success
            # The body is done for good before the callback starts: a crash from here on repeats only the callback.
            if not await self._finisher.durably(attempt, replace(success, kind="executed")):
                attempt.stop = Stop.LOST
                return None
            return await self._run_callback(attempt, success.response_body, seat)
        except BaseException as error:
            if self.ending or (steps is not None and steps.torn) or _is_ctrl_c(error):
                raise
            log.exception("job %s (%s): making its outcome raised an error", attempt.job.id, attempt.job.command)
            return untold(attempt, type(error).__name__, (time.monotonic() - began) * 1000)

    def _set_deadline(self, attempt: Attempt, started: float) -> None:
        if attempt.job.timeout_seconds:
            attempt.deadline = started + attempt.job.timeout_seconds
            self._deadlines.watch(attempt.deadline)

    def _body(
        self, attempt: Attempt, command: Command | None, context: contextvars.Context | None
    ) -> Coroutine[Any, Any, Any]:
        """Call the command's handler, or the callback's once the body is done. Returns a coroutine to await.

        Args:
            context: to call it in; None if it is the current one already, and the user is known.
        """
        job = attempt.job
        if job.user_id is not None and context is not None and (users := self._registry.users) is not None:
            return users.then(attempt, lambda: self._body(attempt, command, None))
        if command is None or command.handler is None:
            raise UnknownCommand(f"callback {job.callback!r} is not registered on this node")
        handler: Any = command.handler
        arguments: tuple[Any, ...]
        if command.takes_request:
            body = job.request_body if job.executed_at is None else job.response_body
            if body is None and command.request_optional:
                request = command.request_default
            else:
                request = codec.decode_request(command.decode, body, command=command.name)
            arguments = (request, attempt.context) if command.takes_context else (request,)
        else:
            arguments = (attempt.context,) if command.takes_context else ()
        if command.is_async:
            coroutine = handler(*arguments) if context is None else context.run(handler, *arguments)
            return coroutine if type(coroutine) is CoroutineType else _awaiting(coroutine)
        if command.process:
            attempt.call = ProcessCall(
                self._children,
                (handler, arguments),
                command.name,
                lambda: self._set_deadline(attempt, time.monotonic()),
                lambda: self._on_call_ended(attempt),
                lambda level, message: attempt.context.log(message, level=level),
            )
        else:
            attempt.call = Call(lambda: handler(*arguments), lambda: self._on_call_ended(attempt))
        return attempt.call.run(attempt)

    def _success(self, attempt: Attempt, response: Any, duration_ms: float) -> Outcome:
        """The outcome of a handler that returned: completed, unless its response cannot be stored."""
        job, context = attempt.job, attempt.context
        body: str | None = None
        if job.executed_at is None and response is not None:
            try:
                body = codec.encode(
                    response,
                    what=f"the response of {job.command!r}",
                    limit=self._max_payload_bytes,
                    invalid=InvalidResponse,
                )
            except BaseException as error:
                return failed(attempt, error, duration_ms)
        return Outcome(
            id=job.id,
            attempt=job.attempt,
            kind="completed",
            response=None if body is None else type(response).__name__,
            response_body=body,
            duration_ms=duration_ms,
            progress=context.progress_value,
            status=context.status,
        )

    async def _run_callback(self, attempt: Attempt, body: str | None, seat: Seat) -> Outcome | None:
        # As the row is now: any time in executed_at says that only the callback is left.
        job = attempt.job
        attempt.context._executed_body = (body,)
        attempt.call = None
        attempt.deadline = float("inf")
        attempt.job = replace(
            job,
            executed_at=job.created_at,
            response_body=body,
            attempt_base=job.attempt - 1,
            has_dependents=True,
        )
        return await self.run(attempt, seat)


async def _awaiting(result: Any) -> Any:
    # A plain wrapper that runs the async function to its end by itself has returned the response.
    return await result if hasattr(type(result), "__await__") else result


async def _forget_cancellations(task: asyncio.Task[Any]) -> None:
    """Undo cancellation requests that the handler, or one of its libraries, left on the task."""
    while task.cancelling():
        task.uncancel()
    try:
        # Before Python 3.13 the task still delivers such a request at the next wait.
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        while task.cancelling():
            task.uncancel()


def _is_cancellation(error: BaseException | None) -> bool:
    return isinstance(error, asyncio.CancelledError)


def _is_decided(error: BaseException | None) -> bool:
    """True if a handler that a stop interrupted has still decided about its job: it returned, or said how to go on.

    Any other error may be what a library made of the interruption.
    """
    if error is None:
        return True
    if isinstance(error, ApiFailed):
        return not error.retry
    word = word_of(error)
    return isinstance(word, Cancel | RetryAfter) and not isinstance(word, StoppedAtCheck)


_ASYNCIO_SIGINT: CodeType | None = getattr(getattr(asyncio.Runner, "_on_sigint", None), "__code__", None)


def _is_ctrl_c(error: BaseException) -> bool:
    """True for a KeyboardInterrupt that a person caused and that happened to hit a handler."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    code = trace.tb_frame.f_code
    if code is _ASYNCIO_SIGINT:
        return True
    # Python raises for the signal between two instructions; a handler that raises it has an instruction for that.
    return (
        code.co_code[trace.tb_lasti] != dis.opmap["RAISE_VARARGS"]
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
