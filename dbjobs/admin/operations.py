"""What the API can do: each operation is a typed function, and pages call the same functions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec

from dbjobs.admin.visitor import Verb

T = TypeVar("T", bound=Callable[..., Awaitable[Any]])
Method = Literal["GET", "POST"]


class Nothing(msgspec.Struct, frozen=True):
    """Input of an operation that takes none."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An action was done.

    Attributes:
        message: what came of it, for a person.
        count: how many things it reached.
    """

    message: str
    count: int = 1


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: of its function; an action's form posts to ``act/<name>``.
        path: under ``api/``, with ``{id}`` for a number.
        verb: what the visitor must be allowed to do.
        takes: struct of its input: path, query string (GET) or JSON body (POST).
        gives: struct of its answer; None: it makes its own Response.
        run: ``(call, input) -> answer``.
        summary, description: first line and the rest of its docstring.
        audited: written down when it runs (every POST is).
        also: types of the files that it answers with.
    """

    name: str
    method: Method
    path: str
    verb: Verb
    tag: str
    takes: type[Any]
    gives: Any
    run: Callable[[Any, Any], Awaitable[Any]]
    summary: str
    description: str
    audited: bool
    also: tuple[str, ...] = ()


class Operations:
    """The operations of one module.

    Args:
        tag: what they are about, in the OpenAPI document.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Operation] = []

    def get(self, path: str, *, verb: Verb = "view", gives: Any = None, also: tuple[str, ...] = ()) -> Callable[[T], T]:
        """An operation that changes nothing.

        Args:
            gives: the answer's struct, if the function makes a Response.
            also: types of the files that it answers with, such as ``text/csv``.
        """
        return self._register("GET", path, verb, gives, False, also)

    def post(self, path: str, *, verb: Verb = "act", audited: bool = True) -> Callable[[T], T]:
        """An action: audited, and also reachable from a form. With ``audited=False`` it changes nothing."""
        return self._register("POST", path, verb, None, audited)

    def _register(
        self, method: Method, path: str, verb: Verb, gives: Any, audited: bool, also: tuple[str, ...] = ()
    ) -> Callable[[T], T]:
        def register(function: T) -> T:
            hints = get_type_hints(function)
            takes = next(hints[name] for name in list(inspect.signature(function).parameters)[1:])
            answer = hints["return"]
            if not (isinstance(answer, type) and issubclass(answer, msgspec.Struct)):
                answer = gives
            summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n")
            self.all.append(
                Operation(
                    name=function.__name__,
                    method=method,
                    path=path,
                    verb=verb,
                    tag=self.tag,
                    takes=takes,
                    gives=answer,
                    run=function,
                    summary=summary.rstrip("."),
                    description=description.strip(),
                    audited=audited,
                    also=also,
                )
            )
            return function

        return register
