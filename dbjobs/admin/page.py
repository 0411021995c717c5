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
        label: in the navigation; empty for pages that have no place there.
        path: of the first of them.
        key: pressed after ``g``, it goes there.
        verb: what a visitor must be allowed to do to see them.
    """

    label: str
    path: str
    key: str = ""
    verb: Verb = "view"
    all: list[tuple[str, Verb, Show]] = field(default_factory=list)

    def page(self, path: str | None = None) -> Callable[[Show], Show]:
        """A function that shows the page at this path; the module's first one if none is given."""

        def register(show: Show) -> Show:
            self.all.append((self.path if path is None else path, self.verb, show))
            return show

        return register
