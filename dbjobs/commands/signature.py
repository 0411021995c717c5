"""A handler's arguments and return type, read from its signature; one that cannot be called is refused."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from dbjobs.commands import codec
from dbjobs.context import JobContext
from dbjobs.errors import InvalidOption

Handler = Callable[..., Any]


class Signature(NamedTuple):
    """A handler's arguments.

    Attributes:
        takes_request: its first argument is the request.
        takes_context: it takes the JobContext.
        request_type: the declared type of the request; Any if there is none.
        has_default: the request may be left out.
    """

    takes_request: bool
    takes_context: bool
    request_type: Any
    has_default: bool


_SHAPES = "a handler takes (request), (request, job), (job: JobContext) or nothing"


def signature(function: Handler, where: str) -> Signature:
    """Read a handler's signature.

    Raises:
        InvalidOption: the handler could not be called with a request and a job context; says what would be right.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
        hints = _hints(function)
    except (NameError, TypeError, ValueError, AttributeError) as error:
        raise InvalidOption(f"{where}: its signature cannot be read: {error}") from error
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise InvalidOption(
                f"{where} takes *{parameter.name}, so nobody can tell what it wants; {_SHAPES} "
                "(a decorator keeps the signature of what it wraps with functools.wraps)"
            )
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise InvalidOption(
                f"{where}: the keyword-only parameter {parameter.name!r} has no default and nobody passes it; {_SHAPES}"
            )
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if positional and positional[0].name == "self" and not inspect.ismethod(function):
        raise InvalidOption(
            f"{where} is a method without its object, so the request would arrive as 'self'; "
            "register the bound method: jobs.command(thing.method)"
        )
    types = [(parameter, hints.get(parameter.name, Any)) for parameter in positional]
    contexts = [index for index, (_, hint) in enumerate(types) if _is_context(hint)]
    required = [index for index, (parameter, _) in enumerate(types) if parameter.default is parameter.empty]
    if len(required) > 2:
        raise InvalidOption(f"{where} takes {len(required)} arguments; {_SHAPES}")
    if len(contexts) > 1:
        raise InvalidOption(f"{where} takes the job context twice; {_SHAPES}")
    if contexts == [0] and len(required) > 1:
        raise InvalidOption(f"{where} takes the job context first; the request comes first: {_SHAPES}")
    if contexts:
        if contexts[0] > 1:
            raise InvalidOption(f"{where}: the job context must be the second argument; {_SHAPES}")
        if contexts == [0]:
            return Signature(False, True, Any, False)
        return Signature(True, True, types[0][1], 0 not in required)
    if len(required) == 2:
        second, hint = types[1]
        if hint is not Any:
            raise InvalidOption(
                f"{where}: its second argument {second.name!r} would be the job context, but is declared as "
                f"{codec.told(hint)}; put what the job needs into one request (a dataclass), "
                f"or declare {second.name}: JobContext"
            )
        return Signature(True, True, types[0][1], False)
    if types:
        return Signature(True, False, types[0][1], not required)
    return Signature(False, False, Any, False)


def _hints(function: Handler) -> dict[str, Any]:
    return get_type_hints(inspect.unwrap(function.func if isinstance(function, partial) else function))


def response_type(function: Handler) -> Any:
    """The declared return type of the handler, awaited."""
    wanted = _hints(function).get("return", Any)
    if get_origin(wanted) in (Awaitable, Coroutine):
        return get_args(wanted)[-1]
    return wanted


def first_default(function: Handler) -> Any:
    """The default of the first argument, which is the request."""
    return next(iter(inspect.signature(function).parameters.values())).default


def is_coroutine_function(function: Any) -> bool:
    """True for an async function, one behind a wrapper with ``__wrapped__``, or an object whose call is async."""
    forms = (function, getattr(function, "__call__", None))  # noqa: B004
    return any(inspect.iscoroutinefunction(inspect.unwrap(form)) for form in forms if form is not None)


def _is_context(hint: Any) -> bool:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]  # JobContext | None is one, too
    return len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], JobContext)
