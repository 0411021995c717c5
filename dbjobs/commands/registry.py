"""Commands: handlers known by name, with the types of their requests and their default options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dbjobs.commands import options, versions
from dbjobs.commands.command import Command as Command
from dbjobs.commands.command import ShouldRetry as ShouldRetry
from dbjobs.commands.dependencies import Dependencies, Wanted
from dbjobs.commands.making import base_row as base_row
from dbjobs.commands.making import declared, made
from dbjobs.commands.signature import Handler
from dbjobs.commands.unknown import why_unknown
from dbjobs.context import JobContext
from dbjobs.errors import InvalidOption, UnknownCommand
from dbjobs.models import QuickRetry
from dbjobs.store.records import NewJob

# Where the jobs of built-in commands wait.
BUILT_IN_QUEUE = "dbjobs"


class UserSource(Protocol):
    """Resolves the user of an attempt, then runs its handler (see Users)."""

    def then(self, attempt: Any, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Coroutine[Any, Any, Any]: ...

    async def know(self, context: JobContext) -> None: ...


class Registry:
    """The commands of one application.

    Args:
        base: the row that all commands start from (the application's own defaults).
        dependencies: where class commands get theirs.

    Attributes:
        users: resolves the ``user_id`` of jobs; None without a resolver.
        internal: an async command of dbjobs itself, whose jobs stand in the application's queues: every node runs it
            that runs any, and nothing tells of it.
        built_in: names of commands that every node has. Their jobs stand in a queue of their own and are claimed
            apart from the application's (``engine.built_in``); they are in none of the lists below.
    """

    users: UserSource | None = None
    internal: Command | None = None

    def __init__(self, base: NewJob, dependencies: Dependencies | None = None) -> None:
        self._base = base
        self.dependencies = Dependencies() if dependencies is None else dependencies
        self._commands: dict[str, Command] = {}  # by the name that jobs are stored under
        self._current: dict[str, Command] = {}  # by their own names, as they are enqueued
        self._by_handler: dict[object, Command] = {}  # the same
        self._steps: dict[str, dict[int, versions.Upgrade]] = {}
        self.built_in: list[str] = []

    def add(
        self,
        handler: Handler,
        *,
        name: str | None,
        process: bool,
        should_retry: ShouldRetry | None,
        defaults: Mapping[str, Any],
        tags: Sequence[str] = (),
        quick_retry: QuickRetry | None = None,
        version: int = 1,
    ) -> Command:
        """Register a handler.

        Raises:
            InvalidOption: the name is taken, the handler cannot be called, an option is wrong.
        """
        if not callable(handler):
            raise InvalidOption(f"a command must be callable, not a {type(handler).__name__}")
        if name is None and getattr(handler, "__name__", None) == "<lambda>":
            raise InvalidOption(
                'a lambda has no name that stored jobs could call it by: give one, as in name="send_email"'
            )
        name = _checked_name(name or getattr(handler, "__name__", None) or type(handler).__name__)
        if name in self._current and self._current[name].handler is not None and not self._is_redefined(name, handler):
            raise InvalidOption(f"command {name!r} is already registered; give one of them another name=")
        command = made(
            handler, name, self._base, self.named, self.dependencies,
            process=process, should_retry=should_retry, defaults=defaults, tags=tags, quick_retry=quick_retry,
        )  # fmt: skip
        command = self._take(command, versions.checked_version(version, f"command {name!r}"))
        self._by_handler[_key(handler)] = command
        return command

    def _is_redefined(self, name: str, handler: Handler) -> bool:
        """True in a notebook, or at Python's prompt, where a cell that is run again defines the same handler anew."""
        if not hasattr(sys, "ps1"):
            return False
        before = [one for one, known in self._by_handler.items() if known.own_name == name]
        return any(_typed_name(one) == _typed_name(handler) is not None for one in before)

    def build_in(self, handler: Handler, *, name: str, defaults: Mapping[str, Any]) -> Command:
        """Register a command that every node has, whatever the application registers."""
        command = self.add(handler, name=name, process=False, should_retry=None, defaults=defaults)
        self.built_in.append(name)
        return command

    def upcast(self, wanted: Any, function: Callable[[Any], Any], *, from_version: int) -> None:
        """Register how a request of an old version becomes one of the next.

        Raises:
            UnknownCommand. InvalidOption: there is such a step already, or the function cannot be used.
        """
        name = self.find(wanted).own_name
        command = self._current[name]
        where = f"command {name!r}"
        if command.handler is None or not command.takes_request:
            raise InvalidOption(
                f"{where}: upcast: "
                + ("it takes no request" if command.handler is not None else "it is only declared here, and never run")
            )
        versions.checked_version(from_version, where, "upcast: from_version")
        steps = self._steps.setdefault(name, {})
        if from_version in steps:
            raise InvalidOption(f"{where}: there is an upcast from version {from_version} already")
        steps[from_version] = versions.step(function, f"{where}: the upcast from version {from_version}")
        self._take(command, max(command.version, from_version + 1))

    def check_versions(self) -> None:
        """Refuse to start with an old version from which no way leads to the current one.

        Raises:
            InvalidOption: names the step that is missing.
        """
        for name, steps in self._steps.items():
            current = self._current[name].version
            for version in range(min(steps, default=current), current):
                if version not in steps:
                    raise InvalidOption(
                        f"command {name!r}: there is no upcast from version {version}, so older requests have no way "
                        f"to version {current}"
                    )

    def _take(self, command: Command, version: int) -> Command:
        """Make a command known under the name of its version, and under those of the older ones it can read."""
        name = command.own_name
        if self.internal is not None and name == self.internal.name:
            raise InvalidOption(f"command {name!r} is one of dbjobs itself; give yours another name=")
        # A copy: the loop that claims may be going through the commands in another thread.
        commands = {stored: known for stored, known in self._commands.items() if known.own_name != name}
        current = _in_version(command, version)
        ways = versions.ways(self._steps.get(name, {}), version)
        for one in (current, *(_older(current, older, way) for older, way in ways.items())):
            if one.name in commands:
                raise InvalidOption(f"command {name!r}: its version has the name of another command, {one.name!r}")
            commands[one.name] = one
        self._commands = commands
        self._current = {**self._current, name: current}
        same = [handler for handler, known in self._by_handler.items() if known.own_name == name]
        self._by_handler.update(dict.fromkeys(same, current))
        return current

    def declare(self, name: str, defaults: Mapping[str, Any], version: int = 1) -> Command:
        """Make a command known that only other processes can run."""
        name = _checked_name(name)
        if name in self._current:
            return self._current[name]
        command = declared(name, self._base, self.named, defaults)
        return self._take(command, versions.checked_version(version, f"command {name!r}"))

    def template(self, name: str, defaults: Mapping[str, Any], *, where: str, request_type: str) -> NewJob:
        """A row for jobs of this name, with default options.

        Raises:
            InvalidOption: one of them is wrong, or the name is.
        """
        options.check_names(defaults, where=where, job_only=False)
        base = msgspec.structs.replace(self._base, command=_checked_name(name), request_type=request_type)
        return options.apply(base, self.named(defaults), where=where)[0]

    def put(self, command: Command) -> None:
        """Add a command that was made elsewhere, or put it in place of the one of its name."""
        self._take(command, command.version)

    def find(self, wanted: Any) -> Command:
        """The command for a name, a Command or a handler.

        Raises:
            UnknownCommand: with the nearest name that is registered.
        """
        if isinstance(wanted, Command):
            return wanted
        if isinstance(wanted, str):
            command = self._current.get(wanted) or self._commands.get(wanted)
        else:
            command = self._by_handler.get(_key(wanted))
        if command is None:
            raise UnknownCommand(why_unknown(wanted, self._current))
        return command

    def knows(self, wanted: Any) -> bool:
        """Whether ``find`` finds it."""
        try:
            self.find(wanted)
        except UnknownCommand:
            return False
        return True

    def named(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options in which the callback is a name.

        Raises:
            UnknownCommand: the callback is not registered.
        """
        callback = given.get("callback")
        return given if callback is None else {**given, "callback": self.find(callback).name}

    def names(self, tags: Sequence[str] = ()) -> list[str]:
        """Names, without versions, of the commands that this process has handlers for and that have all these tags."""
        for tag in tags:
            options.words(tag, "tagged: a tag")
        wanted = set(tags)
        return [
            name
            for name, command in self._current.items()
            if command.handler is not None and name not in self.built_in and wanted.issubset(command.tags)
        ]

    def stored_names(self, name: str) -> list[str]:
        """The names that jobs of a command are stored under: one for each version that is known here."""
        return [stored for stored, command in self._commands.items() if command.own_name == name] or [name]

    def wanted(self) -> list[tuple[str, tuple[Wanted, ...]]]:
        """Arguments of class commands, each with the command that asks for it."""
        return [(f"command {name!r}", command.wanted) for name, command in self._current.items() if command.wanted]

    def runnable(self) -> list[str]:
        """Names, with versions, of the commands that this process has handlers for."""
        return [
            name
            for name, command in [*self._commands.items()]
            if command.handler is not None and name not in self.built_in
        ]

    def runnable_commands(self) -> list[Command]:
        """Those commands, and with them the internal one; safe in any thread."""
        commands = [
            command
            for command in [*self._commands.values()]
            if command.handler is not None and command.name not in self.built_in
        ]
        if commands and self.internal is not None:
            commands.append(self._fitting(self.internal, commands))
        return commands

    def _fitting(self, internal: Command, commands: Sequence[Command]) -> Command:
        """The internal command as one of a kind that is claimed anyway: each kind costs a claim of its own."""
        if any(command.is_async for command in commands):
            return internal
        return msgspec.structs.replace(internal, is_async=False)  # a thread gives its coroutine to the event loop

    def get(self, name: str) -> Command | None:
        """The command of this name, if any."""
        command = self._commands.get(name)
        if command is None and self.internal is not None and name == self.internal.name:
            return self._fitting(self.internal, [*self._commands.values()])
        return command


def _in_version(command: Command, version: int) -> Command:
    name = _checked_name(versions.stored_name(command.own_name, version))
    template = msgspec.structs.replace(command.template, command=name)
    return msgspec.structs.replace(command, name=name, version=version, template=template)


def _older(current: Command, version: int, upgrade: versions.Upgrade) -> Command:
    """The same command for requests of an older version."""
    command = _in_version(current, version)
    decode = current.decode
    return msgspec.structs.replace(command, upgrade=upgrade, decode=lambda text: decode(upgrade(text)))


def _key(handler: object) -> object:
    """The identity of a handler: a bound method is a new object each time, but equal to itself."""
    try:
        hash(handler)
    except TypeError:
        return id(handler)
    return handler


def _typed_name(handler: object) -> str | None:
    """The name of what was typed there; None for what comes from a module."""
    return getattr(handler, "__qualname__", None) if getattr(handler, "__module__", None) == "__main__" else None


def _checked_name(name: str) -> str:
    try:
        return options.text(name) or ""
    except InvalidOption as error:
        raise InvalidOption(f"a command's name {error}: {name!r}") from None
