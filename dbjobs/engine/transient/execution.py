"""The execution of one transient run: that of a durable attempt, but it writes nothing and keeps its result."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.children import Children
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.execution import Execution
from dbjobs.store.records import Outcome


class Unwritten:
    """Takes the place of the writers of outcomes and reports: nothing of a transient run is stored."""

    async def durably(self, attempt: Attempt, outcome: Outcome) -> bool:
        """The body is done; its callback may start."""
        return True

    def completed(self, context: JobContext) -> None:
        """There is no transaction that could have completed it."""


class RunExecution(Execution):
    """Runs the handler of one run, in a copy of the context variables that are in force where this is made.

    Args:
        lease_ends: when the lease that the run needs is over, by ``clock.now()``.

    Attributes:
        response: the object that the handler returned.
        error: raised by the handler or its callback.
    """

    def __init__(
        self,
        registry: Registry,
        deadlines: Deadlines,
        children: Children,
        *,
        max_payload_bytes: int,
        lease_ends: Callable[[], float],
        current_node: Callable[[], int | None],
        on_call_ended: Callable[[Attempt], None],
    ) -> None:
        unwritten = Unwritten()
        super().__init__(
            registry,
            unwritten,
            deadlines,
            children,
            unwritten,
            max_payload_bytes=max_payload_bytes,
            lease_ends=lease_ends,
            current_node=current_node,
            on_call_ended=on_call_ended,
        )
        self.response: Any = None
        self.error: BaseException | None = None

    def _body(
        self, attempt: Attempt, command: Command | None, context: contextvars.Context | None
    ) -> Coroutine[Any, Any, Any]:
        try:
            body = super()._body(attempt, command, context)
        except BaseException as error:
            self.error = error
            raise
        return self._keep(body, is_callback=attempt.job.executed_at is not None)

    async def _keep(self, body: Coroutine[Any, Any, Any], *, is_callback: bool) -> Any:
        try:
            response = await body
        except BaseException as error:
            self.error = error
            raise
        if not is_callback:
            self.response = response
        return response

    def _success(self, attempt: Attempt, response: Any, duration_ms: float) -> Outcome:
        # The caller gets the object itself. Only a callback needs it as JSON.
        return super()._success(attempt, None if attempt.job.callback is None else response, duration_ms)
