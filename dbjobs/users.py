"""Whom a job runs for: the application's own users, found by the job's ``user_id`` before its handler begins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.to_thread

from dbjobs.context import JobContext, current_job
from dbjobs.errors import InvalidOption, UnknownUser

UserResolver = Callable[[str], Any]


def current_user() -> Any:
    """The user of the job whose handler runs here, as the application's ``user_resolver`` has made it.

    Returns:
        None outside of a job, for a job without ``user_id``, and without a resolver. A handler with ``process=True``
        runs in a process where nothing is known of the job, nor of its user.
    """
    job = current_job.get()
    return None if job is None else job.user


class Users:
    """The application's users, resolved once for each attempt.

    Args:
        resolve: makes a user of a ``user_id``; None if there is none. Async or plain.
        in_thread: a plain one waits for something, so call it in a thread and not in the event loop.

    Raises:
        InvalidOption: it cannot be called, or an async one is to be called in a thread.
    """

    def __init__(self, resolve: UserResolver, *, in_thread: bool) -> None:
        if not callable(resolve):
            raise InvalidOption(f"user_resolver must be a function (user_id) -> user, not a {type(resolve).__name__}")
        if in_thread and inspect.iscoroutinefunction(resolve):
            raise InvalidOption("user_resolver_in_thread=True needs a plain user_resolver, not an async one")
        self._resolve = resolve
        self._in_thread = in_thread

    async def then(self, attempt: Any, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Resolve the user of an attempt, then run its handler.

        Args:
            begin: calls the handler, in the current context.

        Raises:
            UnknownUser: there is no such user. What the resolver or the handler raises.
        """
        # A handler in a process has its time from when it starts there, so nothing else would end this.
        limit = attempt.job.timeout_seconds if attempt.deadline == float("inf") else 0
        with anyio.fail_after(limit or None):
            await self.know(attempt.context)
        return await begin()

    async def know(self, context: JobContext) -> None:
        """Resolve the user of a job, unless that was done before or it has none.

        Raises:
            UnknownUser: there is no such user. What the resolver raises.
        """
        if context.user_id is not None and not hasattr(context, "_user"):
            context._user = await self._user(context.user_id)

    async def _user(self, user_id: str) -> Any:
        if self._in_thread:
            user = await anyio.to_thread.run_sync(self._resolve, user_id, abandon_on_cancel=True)
        else:
            user = self._resolve(user_id)
        if inspect.isawaitable(user):
            user = await user
        if user is None:
            raise UnknownUser(f"the user_resolver knows no user {user_id!r}")
        return user
