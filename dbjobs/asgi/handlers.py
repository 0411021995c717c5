"""API handlers: found by the type of their request."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from dbjobs.commands import codec
from dbjobs.commands.registry import Command, Registry, ShouldRetry
from dbjobs.commands.signature import Handler, signature
from dbjobs.errors import InvalidOption

# What jobs are marked with that call an API.
REQUEST_TYPE = "api"


class Handlers:
    """The API handlers of one application, and types that other processes have handlers for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._names: dict[type, str] = {}
        self._functions: dict[type, Handler] = {}
        self._options: dict[type, dict[str, Any]] = {}

    def add(
        self,
        handler: Handler,
        *,
        name: str | None,
        should_retry: ShouldRetry | None,
        defaults: Mapping[str, Any],
        **more: Any,
    ) -> None:
        """Register a handler.

        Args:
            more: as for a command.

        Raises:
            InvalidOption: its request has no type of its own, or that type has a handler already.
        """
        told = getattr(handler, "__name__", type(handler).__name__)
        kind = _request_of(handler, f"jobs.api: {told}")
        if not is_record(kind):
            shown = "takes no request" if kind is None else f"takes {codec.told(kind)}"
            raise InvalidOption(
                f"jobs.api: {told} {shown}; an API handler is found by the type of its request, so that must be a "
                "class of its own: a dataclass, msgspec Struct, pydantic model or attrs class"
            )
        if (other := self._functions.get(kind)) is not None:
            name_of = getattr(other, "__qualname__", type(other).__name__)
            raise InvalidOption(f"jobs.api: {kind.__name__} has a handler already: {name_of}")
        given = {**defaults, **self._options.get(kind, {})}
        retry = given.pop("should_retry", should_retry)
        command = self._registry.add(handler, name=name or kind.__name__, should_retry=retry, defaults=given, **more)
        template = msgspec.structs.replace(command.template, request_type=REQUEST_TYPE)
        self._registry.put(msgspec.structs.replace(command, template=template))
        self._options[kind] = given
        self._names[kind], self._functions[kind] = command.own_name, handler

    def options(self, kind: type, given: Mapping[str, Any]) -> None:
        """Set default options of the jobs of a type, whether it has a handler here or not.

        Raises:
            InvalidOption.
        """
        for name in ("keep_body", "max_response_bytes"):
            if name in given:
                raise InvalidOption(
                    f"api_options of {kind.__name__}: {name} is about routes; a handler has no HTTP answer"
                )
        merged = {**self._options.get(kind, {}), **given}
        plain = {name: value for name, value in merged.items() if name != "should_retry"}
        name = self._names.get(kind, kind.__name__)
        template = self._registry.template(name, plain, where=f"api_options of {name}", request_type=REQUEST_TYPE)
        if kind in self._names:
            known = self._registry.find(name)
            template = msgspec.structs.replace(template, command=known.template.command)
        elif self._registry.get(name) is not None:
            raise InvalidOption(f"api_options of {name}: a command has this name already")
        else:  # handled by other processes: its requests are checked here nevertheless
            known = Command(
                name=name, handler=None, request_type=kind, takes_request=True, takes_context=False, is_async=True,
                process=False, template=template, decode=codec.decoder(kind, command=name), should_retry=None,
            )  # fmt: skip
        retry = merged.get("should_retry", known.should_retry)
        self._registry.put(msgspec.structs.replace(known, template=template, should_retry=retry))
        self._names[kind], self._options[kind] = name, merged

    def of(self, request: Any) -> Command | None:
        """The command of a request; None if no handler takes its type."""
        name = self._names.get(type(request))
        return None if name is None else self._registry.find(name)

    def kind_of(self, handler: Any) -> type | None:
        """The type that this is the handler of."""
        return next((kind for kind, known in self._functions.items() if known is handler), None)

    def unknown(self, what: Any) -> str:
        """What to tell of something that no handler takes."""
        if isinstance(what, type) and what in self._names:
            return f"enqueue_api: give a request, {what.__name__}(...), not its class"
        kind = what if isinstance(what, type) else type(what)
        known = ", ".join(sorted(one.__name__ for one in self._names)) or "none"
        return (
            f"enqueue_api: no API handler takes a {kind.__name__}; registered are: {known}. Register one with "
            "@jobs.api, or, if other processes handle it, name the type with jobs.api_options"
        )


def is_record(kind: Any) -> bool:
    """True for a class of requests: a dataclass, Struct, pydantic model or attrs class."""
    return isinstance(kind, type) and (codec._is_record(kind) or hasattr(kind, "__attrs_attrs__"))


def _request_of(handler: Any, where: str) -> Any:
    """The declared type of a handler's request; None if it takes none."""
    function = handler
    if inspect.isclass(handler):  # its objects run the jobs
        function = partial(getattr(handler, "run", handler), None)
    elif not inspect.isroutine(handler) and not isinstance(handler, partial):
        function = getattr(handler, "__call__", handler)  # noqa: B004
    taken = signature(function, where)
    return taken.request_type if taken.takes_request else None
