"""Tasks that outlive a cancellation of the block they serve, until they are told to end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup


class Shelter:
    """Starts tasks of a task group in shielded scopes of their own.

    A cancel scope around ``async with jobs.start():`` reaches the block, and through it the shutdown in its order. It
    must not reach the handlers and loops directly: running jobs would lose their grace, and outcomes their writer.
    """

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._scopes: set[anyio.CancelScope] = set()
        self._ended = False

    def start_soon(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Start a task."""
        self._tasks.start_soon(self._run, function, arguments)

    def end(self) -> None:
        """Cancel every task."""
        self._ended = True
        for scope in list(self._scopes):
            scope.cancel()

    async def _run(self, function: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> None:
        if self._ended:
            return
        with anyio.CancelScope(shield=True) as scope:
            self._scopes.add(scope)
            try:
                await function(*arguments)
            finally:
                self._scopes.discard(scope)
