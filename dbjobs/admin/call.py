"""One call of the page or its API: who asks, about which jobs, and what they get to see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.visitor import Verb, Visitor
from dbjobs.errors import DbjobsError
from dbjobs.jobs import Jobs
from dbjobs.store.database import Database


class Refused(DbjobsError):
    """The visitor may not do this."""


class NotFound(DbjobsError):
    """There is no such thing."""


class Shell(Protocol):
    """Draws pages (``dbjobs.admin.shell``)."""

    async def page(self, call: Call, template: str, context: Mapping[str, Any], status: int) -> Response: ...
    def url(self, request: Request, path: str, query: Mapping[str, Any]) -> str: ...
    def here(self, request: Request, changes: Mapping[str, Any]) -> str: ...


class Call:
    """What operations and pages get.

    Attributes:
        jobs: the application's own, open.
        visitor: who asks.
        settings: of the page.
        request: the HTTP request.
        target: what an action is about, in words, for the audit; an operation sets it.
    """

    def __init__(self, jobs: Jobs, visitor: Visitor, settings: AdminSettings, request: Request, shell: Shell) -> None:
        self.jobs = jobs
        self.visitor = visitor
        self.settings = settings
        self.request = request
        self.target = ""
        self._shell = shell

    @property
    def db(self) -> Database:
        """The open database, for statements of ``dbjobs.store.repository``.

        Raises:
            NotRunning: the application has not opened its jobs.
        """
        return self.jobs._client.db

    def need(self, verb: Verb) -> None:
        """Refuse the call unless the visitor may do this.

        Raises:
            Refused.
        """
        if not self.visitor.may(verb):
            raise Refused(f"{self.visitor.name} may not {verb} here")

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query string."""
        return self.request.query_params.get(name, default)

    async def render(self, template: str, /, *, status: int = 200, **context: Any) -> Response:
        """A page.

        Args:
            template: its file in ``templates/``.
            status: of the answer.
            context: what the template shows. ``title`` is the page's.
        """
        return await self._shell.page(self, template, context, status)

    def url(self, path: str, /, **query: Any) -> str:
        """A relative link to one of our pages, so it works under every prefix; None leaves a parameter out."""
        return self._shell.url(self.request, path, query)

    def here(self, /, **changes: Any) -> str:
        """A link to this page with some parameters changed; None takes one away."""
        return self._shell.here(self.request, changes)


def shown(call: Call, name: str, value: Any) -> Any:
    """A stored value as the visitor may see it: ``redact`` is asked for each value in it.

    Args:
        name: its path, such as ``"request"``.
    """
    redact = call.settings.redact
    return value if redact is None else _redacted(redact, name, value)


def _redacted(redact: Any, name: str, value: Any) -> Any:
    kept = redact(name, value)
    if kept is not value:
        return kept
    if isinstance(value, Mapping):
        return {key: _redacted(redact, f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(redact, f"{name}.{position}", item) for position, item in enumerate(value)]
    return value
