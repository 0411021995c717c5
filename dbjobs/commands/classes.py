"""Class commands: an object for each attempt. Its constructor gets its arguments by type."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any

from dbjobs.commands.dependencies import Dependencies, wanted_by
from dbjobs.errors import InvalidOption


class ClassHandler:
    """Makes an object of the class and calls its ``run``.

    Attributes:
        wanted: the constructor's arguments.
        run: the method, for its signature; not to be called.

    Raises:
        InvalidOption: the class cannot be a command; says what would be right.
    """

    def __init__(self, kind: type[Any], where: str, dependencies: Dependencies) -> None:
        name = kind.__name__
        found = getattr(kind, "run", None)
        if not callable(found):
            raise InvalidOption(
                f"{where}: the class {name} has no method run(self, request); or register an object of it, "
                f"whose __call__(self, request) is the handler: jobs.command({name}(...))"
            )
        if inspect.isabstract(kind):
            raise InvalidOption(f"{where}: the class {name} is abstract, so no object of it can be made")
        self._kind = kind
        self._where = where
        self._dependencies = dependencies
        self.wanted = wanted_by(kind, where)
        raw = inspect.getattr_static(kind, "run")
        bound = isinstance(raw, staticmethod | classmethod)
        self.run: Callable[..., Any] = found if bound else MethodType(found, kind)

    def __call__(self, *arguments: Any) -> Any:
        made = self._kind(**self._dependencies.arguments(self.wanted, self._where))
        return made.run(*arguments)
