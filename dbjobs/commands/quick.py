"""Quick retries: a handler is called again at once, inside the same attempt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from dbjobs.context import JobContext, current_job
from dbjobs.errors import (
    AttemptLost,
    Cancel,
    InvalidOption,
    InvalidRequest,
    InvalidResponse,
    NotRunning,
    PayloadTooLarge,
    RetryAfter,
    UnknownCommand,
)
from dbjobs.models import QuickRetry
from dbjobs.text import printable

log = logging.getLogger("dbjobs")

# These say what happens next, or would only come again.
_NEVER = (
    AttemptLost,
    Cancel,
    InvalidOption,
    InvalidRequest,
    InvalidResponse,
    NotRunning,
    PayloadTooLarge,
    RetryAfter,
    UnknownCommand,
)
# How late a plain handler's pause notices that the attempt has ended.
_LOOK_SECONDS = 0.05
_MAX_TEXT = 300


def retrying(call: Callable[..., Any], policy: QuickRetry, *, is_async: bool) -> Callable[..., Any]:
    """The handler, tried again as the policy says.

    The last error is raised. A cancellation, a timeout and a stop end the tries, in the pause between two as well.
    """

    async def awaited(*arguments: Any) -> Any:
        tries = _Tries(policy)
        while True:
            try:
                result = call(*arguments)
                return await result if hasattr(type(result), "__await__") else result
            except Exception as error:
                pause = tries.pause_after(error)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    def plain(*arguments: Any) -> Any:
        tries = _Tries(policy)
        while True:
            try:
                return call(*arguments)
            except Exception as error:
                pause = tries.pause_after(error)
                if pause is None or not tries.waited(pause):
                    raise

    return awaited if is_async else plain


class _Tries:
    """The tries of one attempt."""

    def __init__(self, policy: QuickRetry) -> None:
        self._policy = policy
        self._retries = 0
        self._context: JobContext | None = current_job.get()
        # A transaction of the handler's that completes the job changes one of these.
        self._done = self._what_is_done()

    def pause_after(self, error: Exception) -> float | None:
        """Seconds until the next try; None if there is none."""
        if isinstance(error, (*_NEVER, *self._policy.never)) or self._retries >= self._policy.times:
            return None
        if self._is_over or self._what_is_done() != self._done:
            return None
        self._retries += 1
        pause = self._policy.pause(self._retries)
        if self._context is not None:
            self._tell(self._context, error, pause)
        return pause

    def waited(self, seconds: float) -> bool:
        """Wait in this thread; False if the attempt has been ended meanwhile."""
        until = time.monotonic() + seconds
        while not self._is_over and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
        return not self._is_over

    @property
    def _is_over(self) -> bool:
        return self._context is not None and self._context.cancelled

    def _what_is_done(self) -> tuple[bool, object]:
        return (False, None) if self._context is None else (self._context._settled, self._context._executed_body)

    def _tell(self, context: JobContext, error: Exception, pause: float) -> None:
        try:
            text = str(error)
        except Exception:
            text = "(its text cannot be shown)"
        told = printable(f"{type(error).__name__}: {text}", _MAX_TEXT)
        line = f"try {self._retries} of {self._policy.times + 1} failed ({told}); the next one in {pause:.2f} s"
        context.log(line, level="warning")
        log.info("job %s (%s): %s", context.id, context.command, line)
