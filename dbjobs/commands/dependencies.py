"""Arguments of class commands' constructors, by type: opened and closed with the node."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, NamedTuple, get_type_hints

import anyio

from dbjobs.commands.codec import told
from dbjobs.errors import InvalidOption, NotRunning

log = logging.getLogger("dbjobs")

# How long the closing of all dependencies may take at the end of a node.
CLOSE_SECONDS = 10.0

Resolve = Callable[[Any], Any]
Factory = Callable[..., Any]


class Wanted(NamedTuple):
    """One argument of a constructor or a factory.

    Attributes:
        name: of the parameter.
        kind: its type.
        is_optional: it has a default, for a node on which nobody provides the type.
    """

    name: str
    kind: Any
    is_optional: bool


def wanted_by(function: Any, where: str) -> tuple[Wanted, ...]:
    """The parameters of a class or a factory.

    Raises:
        InvalidOption: one has neither a type nor a default.
    """
    source = function.__init__ if inspect.isclass(function) else function
    parameters: list[inspect.Parameter] = []
    try:
        parameters = list(inspect.signature(function).parameters.values())
        unwrapped = inspect.unwrap(source.func if isinstance(source, partial) else source)
        hints = get_type_hints(unwrapped if inspect.isroutine(unwrapped) else type(unwrapped).__call__)
    except (NameError, TypeError, ValueError, AttributeError) as error:
        if parameters and all(parameter.default is not parameter.empty for parameter in parameters):
            return ()  # a class of some library, which can be called as it is
        raise InvalidOption(f"{where}: what it depends on cannot be read: {error}") from error
    wanted = []
    for parameter in parameters:
        has_default = parameter.default is not parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise InvalidOption(f"{where}: {parameter.name!r} is positional-only; dependencies are given by name")
        if parameter.name not in hints:
            if has_default:
                continue
            raise InvalidOption(
                f"{where}: {parameter.name!r} has no type, and dependencies are found by type: annotate it"
            )
        wanted.append(Wanted(parameter.name, hints[parameter.name], has_default))
    return tuple(wanted)


class Dependencies:
    """Knows how each type is made, and holds the open values.

    Args:
        resolve: asked for types that nobody has provided: any container's own look-up, plain or async.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        if resolve is not None and not callable(resolve):
            raise InvalidOption(f"Jobs: resolve={resolve!r} must be a function that takes a type")
        self._resolve = resolve
        self._factories: dict[Any, tuple[Factory, tuple[Wanted, ...]]] = {}
        self._overrides: dict[Any, Any] = {}
        self._open: dict[Any, Any] | None = None

    def provide(self, kind: Any, factory: Factory) -> None:
        """Say how a type is made.

        Raises:
            InvalidOption: it is provided already, or the factory cannot be called.
        """
        where = f"provide({told(kind)})"
        if not callable(factory):
            raise InvalidOption(
                f"{where}: the factory must be callable, not a {type(factory).__name__}; "
                f"for a value that is there already: provide({told(kind)}, lambda: value)"
            )
        if kind in self._factories:
            raise InvalidOption(f"{where}: it is provided already; in tests: with jobs.override({told(kind)}, value)")
        self._factories[kind] = (factory, wanted_by(factory, where))

    @contextmanager
    def override(self, kind: Any, value: Any) -> Iterator[None]:
        """Give this value for a type while the block runs, in place of its usual one."""
        before = self._overrides.get(kind, _NOTHING)
        self._overrides[kind] = value
        try:
            yield
        finally:
            if before is _NOTHING:
                del self._overrides[kind]
            else:
                self._overrides[kind] = before

    def arguments(self, wanted: Iterable[Wanted], where: str) -> dict[str, Any]:
        """The arguments of a constructor.

        Raises:
            NotRunning: nothing is open. InvalidOption: one is missing (the command was registered after the start).
        """
        given = {}
        for name, kind, is_optional in wanted:
            value = self._overrides.get(kind, _NOTHING)
            if value is _NOTHING and self._open is not None:
                value = self._open.get(kind, _NOTHING)
            if value is not _NOTHING:
                given[name] = value
            elif not is_optional and self._open is None:
                raise NotRunning(f"{where} needs {_a(kind)}, and dependencies are open while workers run")
            elif not is_optional:
                raise InvalidOption(f"{where} needs {_a(kind)}, which was not opened when the workers started")
        return given

    @asynccontextmanager
    async def opened(self, wanted: Iterable[tuple[str, tuple[Wanted, ...]]]) -> AsyncIterator[None]:
        """Open all wanted values; close them at the end of the block, in reverse order.

        They are opened and closed in a task of their own: some must end in the task in which they began, and a caller's
        cancellation must interrupt no clean-up.

        Args:
            wanted: who asks (for errors), and for what.

        Raises:
            InvalidOption: nobody provides a type, or factories ask for each other in a circle.
            Exception: what a factory raises.
        """
        wanted = [(where, kinds) for where, kinds in wanted if kinds]
        if not wanted or self._open is not None:  # nothing to do, or the outer block closes it
            yield
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ending = asyncio.Event()
        keeper = asyncio.create_task(self._keep(wanted, ready, ending), name="dbjobs dependencies")
        try:
            await asyncio.wait({keeper, ready}, return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                await keeper  # raises
            yield
        finally:
            ending.set()
            if not ready.done():  # the caller was cancelled while they were being opened
                keeper.cancel()
            with anyio.CancelScope(shield=True):
                _, late = await asyncio.wait({keeper}, timeout=CLOSE_SECONDS)
            self._open = None
            if late:
                log.error("dependencies were not closed within %g s; they are left as they are", CLOSE_SECONDS)
                keeper.cancel()
            elif not keeper.cancelled() and (error := keeper.exception()) is not None and ready.done():
                log.error("closing dependencies raised %r", error, exc_info=error)

    async def _keep(
        self, wanted: list[tuple[str, tuple[Wanted, ...]]], ready: asyncio.Future[None], ending: asyncio.Event
    ) -> None:
        stack = AsyncExitStack()
        try:
            values: dict[Any, Any] = {}
            for where, kinds in wanted:
                for one in kinds:
                    await self._open_one(one, where, values, stack, ())
            self._open = values
            ready.set_result(None)
            await ending.wait()
        finally:
            await stack.aclose()  # an open value does not see another one's error: it is just closed

    async def _open_one(
        self, one: Wanted, where: str, values: dict[Any, Any], stack: AsyncExitStack, path: tuple[Any, ...]
    ) -> None:
        kind = one.kind
        if kind in values or kind in self._overrides:
            return
        if kind in path:
            circle = " -> ".join(told(link) for link in (*path[path.index(kind) :], kind))
            raise InvalidOption(f"{where}: its dependencies go round in a circle: {circle}")
        if kind in self._factories:
            factory, needs = self._factories[kind]
            for need in needs:
                await self._open_one(need, where, values, stack, (*path, kind))
            given = {
                need.name: self._overrides.get(need.kind, values.get(need.kind))
                for need in needs
                if need.kind in values or need.kind in self._overrides
            }
            try:
                values[kind] = await _entered(factory(**given), stack)
            except Exception as error:
                error.add_note(f"(dbjobs: while opening {_a(kind)} for {where})")
                raise
            return
        if one.is_optional:
            return  # some containers make any type: they would give 0.0 for every float
        found = await self._resolved(kind, where) if self._resolve is not None else None
        if found is not None:
            values[kind] = found
        else:
            through = f", through {' -> '.join(map(told, path))}" if path else ""
            raise InvalidOption(
                f"{where} needs {_a(kind)} ({one.name}{through}), which nobody provides: "
                f"jobs.provide({told(kind)}, factory), or Jobs(resolve=...)"
            )

    async def _resolved(self, kind: Any, where: str) -> Any:
        assert self._resolve is not None
        try:
            found = self._resolve(kind)
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            raise InvalidOption(
                f"{where} needs {_a(kind)}, and Jobs(resolve=...) raised {type(error).__name__}: {error}"
            ) from error


async def _entered(made: Any, stack: AsyncExitStack) -> Any:
    """The value that a factory made, ready for use: awaited, or entered if it is a context manager."""
    if inspect.isawaitable(made):
        made = await made
    if inspect.isasyncgen(made):
        return await stack.enter_async_context(asynccontextmanager(lambda: made)())
    if inspect.isgenerator(made):
        return stack.enter_context(contextmanager(lambda: made)())
    if hasattr(type(made), "__aenter__"):
        return await stack.enter_async_context(made)
    if hasattr(type(made), "__enter__"):
        return stack.enter_context(made)
    return made


_NOTHING: Any = object()


def _a(kind: Any) -> str:
    name = told(kind)
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"
