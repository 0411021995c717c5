"""A page's routes and its place in the navigation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.responses import Response

from dbjobs.admin.call import Call
from dbjobs.admin.visitor import Verb

Show = Callable[[Call], Awaitable[Response]]


@dataclass
class Pages:
    """Pages of one module.

    Args:
        label: in the navigation; empty for pages that are not in it.
        path: of the first of them.
        key: ``g`` and this key go there.
        verb: what a visitor must be allowed to do to see them.
    """

    label: str
    path: str
    key: str = ""
    verb: Verb = "view"
    all: list[tuple[str, Verb, Show]] = field(default_factory=list)

    def page(self, path: str | None = None) -> Callable[[Show], Show]:
        """Register a function for the page at this path; without a path, for the module's first page."""

        def register(show: Show) -> Show:
            self.all.append((self.path if path is None else path, self.verb, show))
            return show

        return register
