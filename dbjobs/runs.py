"""Transient runs for those who import: ``jobs.run``, ``jobs.submit``, ``jobs.runs``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack, overload

from dbjobs.client.client import Client
from dbjobs.commands.options import OPTION_NAMES, switch
from dbjobs.commands.registry import Registry
from dbjobs.context import (
    AsyncBare,
    AsyncBareClass,
    AsyncClass,
    AsyncHandler,
    Named,
    P,
    PlainBare,
    PlainBareClass,
    PlainClass,
    PlainHandler,
    Q,
    R,
)
from dbjobs.engine.transient.run import Calls, Run
from dbjobs.errors import InvalidOption
from dbjobs.models import RunOptions, RunRecord, RunTimings, SubmitOptions
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.enqueueing import Parent

if TYPE_CHECKING:
    from dbjobs.engine.transient.runs import Transients

DEFAULT_MAX_TRANSIENT = 1000
_MOST_RECORDS = 250


class RunsAdmin:
    """What this process runs, and has run, transiently. In memory, bounded, and gone with the process.

    Args:
        client: the open database in force.
        calls: the Jobs object, as handlers call it.
        row: a command's row with options and request, and the parents it names (``Jobs._row``).
        most: how many may wait and run at the same time.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        registry: Registry,
        calls: Calls,
        row: Callable[..., tuple[NewJob, tuple[Parent, ...]]],
        *,
        most: int,
        max_payload_bytes: int,
    ) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InvalidOption(f"max_transient={most!r} must be a whole number >= 1")
        self._client = client
        self._registry = registry
        self._row = row
        self._calls = calls
        self._most = most
        self._max_payload_bytes = max_payload_bytes

    @cached_property
    def transients(self) -> Transients:
        """All of them; made, and its module imported, for the first run or the first node."""
        from dbjobs.engine.transient.runs import Transients

        return Transients(self._registry, self._calls, most=self._most, max_payload_bytes=self._max_payload_bytes)

    async def close(self) -> None:
        """The database is about to be closed: end what runs."""
        if "transients" in vars(self):
            await self.transients.close()

    def running(self) -> list[Run[Any]]:
        """Runs that wait or run now, oldest first."""
        return self.transients.running()

    def latest(self, limit: int = 50) -> list[RunRecord]:
        """The latest runs that have ended, newest first; 250 are kept.

        Args:
            limit: 1 to 250.
        """
        return self.transients.records.latest(_checked(limit, "latest"))

    def failed(self, limit: int = 50) -> list[RunRecord]:
        """The latest runs that have failed, newest first; 250 are kept, however many have completed since.

        Args:
            limit: 1 to 250.
        """
        return self.transients.records.failed(_checked(limit, "failed"))

    def timings(self) -> list[RunTimings]:
        """Counts and durations of the runs of each command, since this process began."""
        return self.transients.records.timings()

    def submit(self, command: Any, request: Any, options: Mapping[str, Any], where: str) -> Run[Any]:
        """Start a run (see ``TransientCalls``)."""
        for name in options:
            if name in OPTION_NAMES and name not in SubmitOptions.__annotations__:
                raise InvalidOption(f"{where}: option {name!r} is one of stored jobs; use enqueue, or leave it out")
        rest = dict(options)
        exclusive = rest.pop("exclusive", False)
        on_success, on_failed = rest.pop("on_success", None), rest.pop("on_failed", None)
        switch(exclusive, f"{where}: exclusive")
        self._client().check_open()
        self.transients.enter_loop()
        known = self._registry.find(command)
        row, _parents = self._row(known, request, rest, where=f"{where} of {known.name!r}")
        run = self.transients.submit(known, row, exclusive=exclusive)
        if on_success is not None:
            run.on_success(on_success)
        if on_failed is not None:
            run.on_failed(on_failed)
        return run


class TransientCalls:
    """The part of ``Jobs`` that runs commands now, in this process, and stores nothing."""

    runs: RunsAdmin

    @overload
    async def run(self, command: str | Named, request: Any = None, /, **how: Unpack[RunOptions]) -> Any: ...
    @overload
    async def run(self, command: AsyncBareClass[R], request: None = None, /, **how: Unpack[RunOptions]) -> R: ...
    @overload
    async def run(self, command: AsyncClass[Q, R], request: Q, /, **how: Unpack[RunOptions]) -> R: ...
    @overload
    async def run(self, command: PlainBareClass[P], request: None = None, /, **how: Unpack[RunOptions]) -> P: ...
    @overload
    async def run(self, command: PlainClass[Q, P], request: Q, /, **how: Unpack[RunOptions]) -> P: ...
    @overload
    async def run(self, command: AsyncBare[R], request: None = None, /, **how: Unpack[RunOptions]) -> R: ...
    @overload
    async def run(self, command: AsyncHandler[Q, R], request: Q, /, **how: Unpack[RunOptions]) -> R: ...
    @overload
    async def run(self, command: PlainBare[P], request: None = None, /, **how: Unpack[RunOptions]) -> P: ...
    @overload
    async def run(self, command: PlainHandler[Q, P], request: Q, /, **how: Unpack[RunOptions]) -> P: ...
    async def run(self, command: Any, request: Any = None, /, **how: Any) -> Any:
        """Run a command now, in this process, and wait for its response. Nothing is stored, and nothing is retried.

        Cancel the caller, or put ``anyio.move_on_after`` around it, and the handler is cancelled.

        Args:
            command: a handler registered with ``@jobs.command``, or its name.
            request: what the handler gets; must fit its declared type.
            how: see RunOptions. With ``worker`` the run waits until no job and no other run of that lane runs here.

        Returns:
            What the handler has returned.

        Raises:
            Exception: what the handler, or its callback, has raised.
            TimeoutError: it ran for longer than ``timeout``.
            RunCancelled: it was ended by the stop of its node, or with its lease.
            JobFailed: it has ended with what would end the caller, too, such as SystemExit.
            TooManyRuns: ``max_transient`` of them wait or run already.
            NotRunning: this object is not open; with ``exclusive``, no workers run here.
            UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: nothing was run.
        """
        run = self.runs.submit(command, request, how, "run")
        try:
            run.refuse_to_wait_for_oneself()
        except InvalidOption:
            run.cancel()
            raise
        return await run

    @overload
    def submit(self, command: str | Named, request: Any = None, /, **how: Unpack[SubmitOptions]) -> Run[Any]: ...
    @overload
    def submit(self, command: AsyncBareClass[R], request: None = None, /, **how: Unpack[SubmitOptions]) -> Run[R]: ...
    @overload
    def submit(self, command: AsyncClass[Q, R], request: Q, /, **how: Unpack[SubmitOptions]) -> Run[R]: ...
    @overload
    def submit(self, command: PlainBareClass[P], request: None = None, /, **how: Unpack[SubmitOptions]) -> Run[P]: ...
    @overload
    def submit(self, command: PlainClass[Q, P], request: Q, /, **how: Unpack[SubmitOptions]) -> Run[P]: ...
    @overload
    def submit(self, command: AsyncBare[R], request: None = None, /, **how: Unpack[SubmitOptions]) -> Run[R]: ...
    @overload
    def submit(self, command: AsyncHandler[Q, R], request: Q, /, **how: Unpack[SubmitOptions]) -> Run[R]: ...
    @overload
    def submit(self, command: PlainBare[P], request: None = None, /, **how: Unpack[SubmitOptions]) -> Run[P]: ...
    @overload
    def submit(self, command: PlainHandler[Q, P], request: Q, /, **how: Unpack[SubmitOptions]) -> Run[P]: ...
    def submit(self, command: Any, request: Any = None, /, **how: Any) -> Run[Any]:
        """Start a command now, in this process, and go on: the handle tells of its state, and can be awaited.

        An error that nobody waits for is logged. Otherwise as ``run``.

        Args:
            how: see SubmitOptions.

        Raises:
            TooManyRuns, NotRunning, UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: nothing has
                started.
        """
        return self.runs.submit(command, request, how, "submit")


def _checked(limit: int, where: str) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MOST_RECORDS:
        raise InvalidOption(f"runs.{where}: limit={limit!r} must be between 1 and {_MOST_RECORDS}")
    return limit
