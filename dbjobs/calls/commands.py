"""Register commands: ``jobs.command`` and what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, Unpack, overload

from dbjobs.commands.registry import Command, Registry, ShouldRetry
from dbjobs.commands.signature import Handler
from dbjobs.models import (
    CommandOptions,
    QuickRetry,
    RecurringOptions,
)
from dbjobs.schedule import Schedule
from dbjobs.schedules import Schedules

H = TypeVar("H", bound=Handler)
U = TypeVar("U", bound=Callable[[Any], Any])

list_ = list  # `list` below hides the builtin in the annotations that follow it


class CommandCalls:
    """Commands of an application: handlers, versions, notifiers, dependencies."""

    _registry: Registry
    schedules: Schedules

    @overload
    def command(
        self,
        handler: H,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> H: ...

    @overload
    def command(
        self,
        handler: None = None,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> Callable[[H], H]: ...

    def command(
        self,
        handler: Any = None,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> Any:
        """Register a handler as a command; use as a decorator, with or without arguments.

        Args:
            handler: ``(request)``, ``(request, job)``, ``(job: JobContext)`` or no arguments; async or not. Or a class
                with such a method ``run``: each attempt makes an object of it, whose constructor gets what it asks
                for by type (see ``provide``).
            name: by default the function's or the class's name.
            process: run a plain function in a worker process, which a timeout really kills.
            should_retry: ``(job, error) -> bool``, asked after a failure, in addition to the retry limit.
            quick_retry: try again at once, inside the same attempt (see QuickRetry).
            tags: labels to find the command by (see ``tagged``).
            version: of its requests; each ``upcast`` from a version makes it at least the next one.
            defaults: default options of its jobs (see CommandOptions).

        Returns:
            The handler itself, unchanged.

        Raises:
            InvalidOption: the name is taken, an option is unknown, the signature does not fit.
        """

        def register(function: H) -> H:
            self._registry.add(
                function,
                name=name,
                process=process,
                should_retry=should_retry,
                quick_retry=quick_retry,
                tags=tags,
                version=version,
                defaults=dict(defaults),
            )
            return function

        return register if handler is None else register(handler)

    def declare(self, name: str, *, version: int = 1, **defaults: Unpack[CommandOptions]) -> Command:
        """Make a command known that only other processes can run, so that it can be enqueued here by name.

        Args:
            version: of the requests that are enqueued here.
        """
        return self._registry.declare(name, dict(defaults), version)

    def recurring(self, schedule: Schedule, **how: Unpack[RecurringOptions]) -> Callable[[H], H]:
        """Run a command again and again; use as a decorator beside ``@jobs.command``, also several times.

        The task is stored when a node starts. A start that changes nothing writes nothing: neither the task's last run
        nor its pause. The nodes that declare it fire it, once for each of its times, however many nodes there are.

        Args:
            schedule: ``Schedule.cron("0 9 * * 1-5", tz="Europe/Paris")``, ``Schedule.every(60)``, ``Schedule.daily``.
            how: see RecurringOptions, TaskOptions and CommandOptions.

        Returns:
            The handler itself, unchanged.

        Raises:
            InvalidOption: the name is taken, an option is unknown or of the wrong type. InvalidRequest.
        """
        return self.schedules.declare(schedule, **how)

    @property
    def commands(self) -> list_[str]:
        """Names of the commands that this process can run."""
        return self._registry.names()

    @property
    def stored_commands(self) -> list_[str]:
        """The names under which jobs of these commands are stored: one for each version of a request known here."""
        return self._registry.runnable()

    def tagged(self, *tags: str) -> list_[str]:
        """Names of the commands that this process can run and that have all these tags."""
        return self._registry.names(tags)

    def upcast(self, command: Any, *, from_version: int) -> Callable[[U], U]:
        """Register how a request of an old version of a command becomes one of the next; use as a decorator.

        The function takes the old request, as the type that it declares for it or as decoded JSON, and returns the
        new one, or plain data for it. From here on the command's requests have at least version ``from_version + 1``,
        and jobs are stored under a name that says so (``send@2``): a node that does not know it leaves them to one
        that does. A request that was stored before goes through all the steps when its job runs.

        Args:
            command: the handler, or the command's name.
            from_version: what the function takes; requests from before the first upcast have version 1.

        Raises:
            UnknownCommand. InvalidOption: there is such a step already, or the function cannot be used.
        """

        def register(function: U) -> U:
            self._registry.upcast(command, function, from_version=from_version)
            return function

        return register

    def provide(self, kind: Any, factory: Callable[..., Any]) -> None:
        """Say how to make a type that constructors of class commands ask for.

        It is made once for each node, when the node starts, if one of its commands needs the type. A context manager is
        entered then, and left when the node stops, in reverse order.

        Args:
            kind: the type.
            factory: a plain or async function, a generator with one yield, or anything that returns a (async) context
                manager. Its own parameters are found by type, too.

        Raises:
            InvalidOption: the type is provided already, or a parameter of the factory has no type.
        """
        self._registry.dependencies.provide(kind, factory)

    def override(self, kind: Any, value: Any) -> AbstractContextManager[None]:
        """Give this value to constructors that ask for a type while the block runs: for tests."""
        return self._registry.dependencies.override(kind, value)
