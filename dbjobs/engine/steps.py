"""Drives a handler step by step: in a context of its own, told to end once, closed when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

import anyio


class Seat:
    """A task in which attempts run one after another, inside one anyio scope, which a cancelled attempt uses up.

    A scope for each attempt would cost half as much as everything else that a node does for a job in memory.

    Attributes:
        task: the one that is running now.
        scope: the scope, entered.
    """

    __slots__ = ("_is_soiled", "_kind", "_references", "scope", "task")

    task: asyncio.Task[Any]

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        del task  # the references are counted
        # `anyio.CancelScope` finds out each time which library runs the event loop: this is the class it finds.
        self._kind = type(anyio.CancelScope())
        self._is_soiled = False
        self._enter()
        self._references = sys.getrefcount(self.task)

    @property
    def is_fit(self) -> bool:
        """True if the task is as it was before the last attempt.

        An anyio scope that a handler did not leave still knows the task. So does code that could cancel the task later,
        such as an unfinished asyncio.timeout(), and hit another job. A new task costs less than that.
        """
        return not self._is_soiled and sys.getrefcount(self.task) <= self._references

    def leave(self, error: BaseException | None) -> bool:
        """Leave the scope; False if the handler is in one of its own."""
        try:
            self.scope.__exit__(None if error is None else type(error), error, None)
        except RuntimeError:
            return False
        return True

    def renew(self, *, left: bool) -> None:
        """A cancelled attempt is over: enter another scope.

        Args:
            left: whether it has left the scope before.
        """
        if left or self.leave(None):
            self._enter()
        else:
            self._is_soiled = True

    def _enter(self) -> None:
        self.scope = self._kind()
        self.scope.__enter__()


class Steps:
    """An awaitable that runs a coroutine inside a context variables' Context, in the task that awaits it.

    A task for each attempt would isolate as well, and costs eight times as much (5.5 us against 0.7).

    The first cancellation comes through an anyio scope and so respects the shields in which drivers commit. As soon
    as the coroutine has been told, the scope is left: anyio would interrupt every further wait, in every turn of the
    loop, for as long as the coroutine goes on. Its clean-up may wait, as under ``asyncio.Task.cancel``.

    Args:
        context: the Context to run it in.
        seat: the task that awaits it.

    Attributes:
        closed: it was ended for good.
        torn: the event loop itself is being taken down.
    """

    __slots__ = ("_context", "_coroutine", "_left", "_runs", "_seat", "closed", "torn")

    _coroutine: Coroutine[Any, Any, Any]

    def __init__(self, context: Context, seat: Seat) -> None:
        self._context = context
        self._seat = seat
        self._runs = False
        self._left = False
        self.closed = False
        self.torn = False

    def take(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Take the coroutine to run."""
        self._coroutine = coroutine

    def cancel(self) -> None:
        """Interrupt the coroutine: at once, or when it leaves its shield."""
        if not self._left:
            self._seat.scope.cancel()

    def remind(self) -> None:
        """Interrupt it once more, through any shield."""
        if self._runs:
            self._seat.task.cancel()

    def close(self) -> None:
        """End it for good: it is not resumed any more; its ``finally`` blocks run as far as they need not wait."""
        self.closed = True
        self.remind()

    def __await__(self) -> Generator[Any, Any, Any]:
        self._runs = True
        run, coroutine = self._context.run, self._coroutine
        step: Any = coroutine.send
        argument: Any = None
        try:
            while True:
                yielded = run(step, argument)
                try:
                    argument = yield yielded
                    step = coroutine.send
                except GeneratorExit:
                    self.torn = True
                    self._end_coroutine()
                    raise
                except BaseException as error:
                    if self.closed:
                        self._end_coroutine()
                        raise
                    if not self._left and self._seat.scope.cancel_called:
                        self._left = self._seat.leave(error)
                    step, argument = coroutine.throw, error
        except StopIteration as stop:
            return stop.value
        finally:
            self._runs = False
            if (self._left or self._seat.scope.cancel_called) and not self.torn:
                self._seat.renew(left=self._left)
                self._left = True

    def _end_coroutine(self) -> None:
        # It may wait in its clean-up, or raise there: it is not resumed, and its outcome is known.
        with contextlib.suppress(BaseException):
            self._context.run(self._coroutine.close)
