"""The routes of an application, read from its framework: which one a path leads to, and the path to a function."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from dbjobs.errors import InvalidOption

ANY = "*"
MAX_LABEL_CHARACTERS = 255
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
# What a parameter may be, by its kind, as Starlette and Litestar name them; of any other kind it is one segment.
_SEGMENT = r"[^/]+"
_KINDS = {
    "int": r"-?[0-9]+",
    "float": r"-?[0-9]+(?:\.[0-9]+)?",
    "uuid": r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",
    "path": r".*",
}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route of an application.

    Attributes:
        methods: in capitals; empty for any.
        template: its path with parameters and their kinds: ``/orders/{order_id:int}``.
        endpoints: what an application knows it by: its function, and what the framework has made of that.
    """

    methods: frozenset[str]
    template: str
    pattern: re.Pattern[str]
    endpoints: tuple[Any, ...] = ()

    @property
    def path(self) -> str:
        """The template without kinds, as people read it."""
        return _PARAMETER.sub(r"{\1}", self.template)

    @property
    def parameters(self) -> dict[str, str]:
        """Names and kinds of its parameters."""
        return {name: kind or "str" for name, kind in _PARAMETER.findall(self.template)}

    def labels(self) -> list[str]:
        """Names of its jobs' commands, one for each method."""
        return [label(method, self.path) for method in sorted(self.methods - {"HEAD"}) or [ANY]]

    def label_of(self, method: str) -> str | None:
        """The name for one method; None if it has no such method."""
        wanted = "GET" if method == "HEAD" else method
        if not self.methods:
            return label(ANY, self.path)
        return label(wanted, self.path) if wanted in self.methods else None

    def fill(self, values: Mapping[str, Any]) -> str:
        """The path with these parameters, percent-encoded.

        Raises:
            InvalidOption: one of them does not fit.
        """
        path = self.template
        for name, kind in self.parameters.items():
            text = str(values[name])
            if not re.fullmatch(_KINDS.get(kind, _SEGMENT), text, re.DOTALL):
                raise InvalidOption(
                    f"enqueue_api of {self.path}: path parameter {name}={text!r} must be "
                    + (f"of the kind {kind}" if kind in _KINDS else "one segment: not empty, and without a slash")
                )
            path = re.sub(rf"\{{{name}(?::\w+)?\}}", lambda _, text=text: quote(text, safe="/"), path)  # type: ignore[misc]
        return path


def make_route(methods: Iterable[str], template: str, endpoints: Iterable[Any] = ()) -> Route:
    """A route of a template."""
    template = template if template.startswith("/") else f"/{template}"
    parts = _PARAMETER.split(template)  # text, name, kind, text, ...
    pattern = "".join(
        re.escape(text) + (f"(?:{_KINDS.get(parts[index + 2] or '', _SEGMENT)})" if index + 2 < len(parts) else "")
        for index, text in list(enumerate(parts))[::3]
    )
    return Route(
        methods=frozenset(method.upper() for method in methods),
        template=template,
        pattern=re.compile(pattern, re.DOTALL),
        endpoints=tuple(endpoints),
    )


def label(method: str, path: str) -> str:
    """The command of a route's jobs."""
    return f"{method} {path}"[:MAX_LABEL_CHARACTERS]


def routes_of(app: Any) -> list[Route]:
    """The routes of a Starlette, FastAPI or Litestar application, also of one behind middleware, in their order.

    Returns:
        An empty list for an application that has none to be seen.
    """
    seen = 0
    while not hasattr(app, "routes") and hasattr(app, "app") and seen < 50:
        app, seen = app.app, seen + 1
    return list(_walk(getattr(app, "routes", ()), "", 0))


def find(routes: Iterable[Route], method: str, path: str) -> str | None:
    """The label of the route that a request leads to; None if no route takes it."""
    for route in routes:
        if route.pattern.fullmatch(path) and (found := route.label_of(method)) is not None:
            return found
    return None


def _walk(routes: Any, prefix: str, depth: int) -> Iterator[Route]:
    if depth > 50 or not isinstance(routes, Iterable):
        return
    for route in unfolded(routes):
        path = getattr(route, "path", None)
        inner = getattr(route, "routes", None)
        handlers = getattr(route, "route_handlers", None)
        if isinstance(path, str) and isinstance(handlers, Iterable) and hasattr(route, "path_components"):  # Litestar
            for handler in handlers:
                function = getattr(handler, "fn", None)
                methods = getattr(handler, "http_methods", ())
                # It answers OPTIONS by itself on every path.
                if methods and not str(getattr(function, "__module__", "")).startswith("litestar.routes"):
                    yield make_route(map(str, methods), prefix + path, _forms(handler, function))
        elif isinstance(path, str) and getattr(route, "endpoint", None) is not None:
            if not hasattr(route, "methods"):
                continue  # a websocket
            methods = route.methods or _methods_of(route.endpoint)
            yield make_route(methods, prefix + path, _forms(route.endpoint))
        elif inner:  # a mounted application, or a host
            yield from _walk(inner, prefix + (path or ""), depth + 1)
        elif isinstance(path, str):  # a mounted application that does not tell its routes
            yield make_route((), f"{prefix}{path}/{{path:path}}")


def unfolded(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes, where newer FastAPIs keep an included router as one."""
    unfold = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    for route in routes:
        if unfold is not None and not hasattr(route, "path") and not hasattr(route, "routes"):
            yield from unfold([route])
        else:
            yield route


def _methods_of(endpoint: Any) -> list[str]:
    """The methods of a class of handlers (Starlette's HTTPEndpoint)."""
    if not inspect.isclass(endpoint):
        return []
    return [name.upper() for name in ("delete", "get", "options", "patch", "post", "put") if hasattr(endpoint, name)]


def _forms(*endpoints: Any) -> list[Any]:
    """What a caller may hold of an endpoint: itself, its function, and the function that a bound method is of."""
    forms: list[Any] = []
    for endpoint in endpoints:
        forms += [endpoint, getattr(endpoint, "__func__", None)]
    return [form for form in forms if form is not None]


def is_endpoint(route: Route, wanted: Any) -> bool:
    """True if this is what the route calls."""
    candidates = _forms(wanted, getattr(wanted, "fn", None))  # Litestar's decorators give an object
    return any(candidate is endpoint for candidate in candidates for endpoint in route.endpoints)
