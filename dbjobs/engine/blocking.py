"""Plain handlers: calls in threads and processes, which may outlast the attempt that waits for them."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any, Protocol

import anyio
import anyio.to_thread

from dbjobs.engine.children import Child, Children


class Leavable(Protocol):
    """An attempt, as a call sees it."""

    call: Call | None

    @property
    def stop(self) -> object:
        """Why it is being ended from outside; None if nobody ends it."""
        ...

    @property
    def may_be_left(self) -> bool:
        """True if the attempt may end while its thread still runs: a thread cannot be interrupted."""
        ...


class Call:
    """A plain handler in a thread. The thread cannot be interrupted.

    Args:
        function: what to call, without arguments.
        on_end: called on the event loop when the call has really ended.
    """

    def __init__(self, function: Callable[[], Any], on_end: Callable[[], None]) -> None:
        self._function = function
        self._on_end = on_end
        self._ended = threading.Event()
        self._killed = False
        self._result: Any = None
        self._error: BaseException | None = None

    @property
    def running(self) -> bool:
        """True until the handler has returned or raised; safe in any thread."""
        return not self._ended.is_set()

    async def run(self, attempt: Leavable) -> Any:
        """Call it and wait for its end, or until the attempt is told to stop and may be left."""
        waiting = asyncio.ensure_future(anyio.to_thread.run_sync(self._work, limiter=anyio.CapacityLimiter(math.inf)))
        waiting.add_done_callback(self._over)
        while not waiting.done():
            try:
                await asyncio.wait({waiting})
            except asyncio.CancelledError:
                self._interrupt()
                if attempt.may_be_left:
                    raise
        if waiting.cancelled() or self._killed:
            raise asyncio.CancelledError
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # its traceback holds this frame
        if hasattr(type(self._result), "__await__"):  # an async handler behind a plain wrapper that hides it
            attempt.call = None  # from here on it is like any other async one
            if attempt.stop is not None:  # the thread went on after the cancellation; the handler's coroutine must not
                getattr(self._result, "close", lambda: None)()
                raise asyncio.CancelledError
            return await self._result
        return self._result

    def _over(self, waiting: asyncio.Task[None]) -> None:
        if not waiting.cancelled():
            waiting.exception()
        self._on_end()

    def _work(self) -> None:
        # Nothing is raised here: a task that ends with SystemExit or KeyboardInterrupt ends the event loop.
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def _call(self) -> Any:
        return self._function()

    def _interrupt(self) -> None:
        """Nothing can be done about a thread."""


class ProcessCall(Call):
    """A plain handler in a process of the node's own, which is killed when the attempt is told to stop.

    Args:
        children: where processes come from.
        work: function and arguments.
        name: of the command, for errors.
        on_start: called on the event loop when the handler starts: a new process first has to import it.
        on_line: called in the call's thread with (level, message) of each line that the handler logs.
    """

    def __init__(
        self,
        children: Children,
        work: tuple[Callable[..., Any], tuple[Any, ...]],
        name: str,
        on_start: Callable[[], None],
        on_end: Callable[[], None],
        on_line: Callable[[str, str], None],
    ) -> None:
        super().__init__(lambda: None, on_end)
        self._on_line = on_line
        self._children = children
        self._handler = work
        self._name = name
        self._on_start = on_start
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._child: Child | None = None

    def _call(self) -> Any:
        with self._children.one() as child:
            with self._lock:
                self._child = child
                if self._killed:
                    child.kill()
            try:
                return child.call(*self._handler, name=self._name, on_start=self._started, on_line=self._on_line)
            finally:
                with self._lock:
                    self._child = None

    def _started(self) -> None:
        self._loop.call_soon_threadsafe(self._on_start)

    def _interrupt(self) -> None:
        with self._lock:
            self._killed = True
            if self._child is not None:
                self._child.kill()
