"""Asks an admin page without a server, as a peer of one's choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from typing import Any

import httpx

from dbjobs import Jobs
from dbjobs.admin.application import Admin
from dbjobs.admin.contents import API, PAGES
from dbjobs.admin.operations import Operation
from dbjobs.admin.settings import make_settings

ROOT_TOKEN, VIEW_TOKEN = "root-token-0123456789", "view-token-0123456789"
TOKENS: dict[str, Iterable[Any]] = {
    ROOT_TOKEN: ["view", "act", "admin", "explore", "reveal"],
    VIEW_TOKEN: ["view"],
}
ROOT, VIEW = {"authorization": f"Bearer {ROOT_TOKEN}"}, {"authorization": f"Bearer {VIEW_TOKEN}"}
OPERATIONS: list[Operation] = [operation for module in API for operation in module.all]
PATHS = [path for pages in PAGES for path, _, _ in pages.all]


def admin(jobs: Jobs, **options: Any) -> Admin:
    return Admin(jobs, make_settings(options))  # type: ignore[arg-type]


def asking(
    app: Callable[..., Any],
    *,
    client: tuple[str, int] | None = ("127.0.0.1", 4321),
    base: str = "http://localhost:8000",
) -> httpx.AsyncClient:
    """A client of the application, which sees this peer."""

    async def with_peer(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": client}, receive, send)

    # raise_app_exceptions: what a server would answer with 500 fails the test.
    return httpx.AsyncClient(transport=httpx.ASGITransport(with_peer), base_url=base, timeout=30)


def path_of(operation: Operation) -> str:
    return "/api" + re.sub(r"\{\w+\}", "1", operation.path)


class Markup(HTMLParser):
    """What a page would run, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.links: set[str] = set()
        self.forms: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and "src" not in given:
            self.scripts.append("<script>")
        if tag in ("style", "iframe", "object", "embed", "base"):
            self.scripts.append(f"<{tag}>")
        self.scripts += [f"<{tag} {name}>" for name in given if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            if re.match(r"\s*(javascript|data|vbscript):", given.get(name, ""), re.IGNORECASE):
                self.scripts.append(f"<{tag} {name}={given[name]}>")
        if tag in ("a", "link", "script", "img") and (where := given.get("href") or given.get("src")):
            self.links.add(where)
        if tag == "form":
            self.forms.add(given.get("action", ""))
