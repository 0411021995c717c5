"""What frameworks leave in a scope: the template of the route, the function behind it, the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from functools import partial
from inspect import isclass, isroutine
from typing import Any, NamedTuple

from dbjobs.asgi.routes import unfolded

Scope = MutableMapping[str, Any]
_NOT_FOUND = (404, 405)
_DEEPEST = 20  # mounts within mounts


def route_of(scope: Scope, root_path: str, path: str, status: int) -> str | None:
    """The template of a request's route, such as ``/users/{user_id}``; None if nothing in the scope tells it.

    Args:
        scope: as the application left it.
        root_path: as it was before; what was added since are mounts.
        path: as it was before; Litestar changes it.
        status: of the response.
    """
    template = scope.get("path_template")  # Litestar
    if isinstance(template, str) and template:
        if "endpoint" in scope and _is_application(scope["endpoint"]):  # another framework's mount led to Litestar
            return _mounts(scope, root_path, path) + template
        return template
    route = scope.get("route")  # FastAPI, Starlette
    own = _path_of(scope, route)
    if own is not None:
        if not hasattr(route, "methods"):  # a mount, and we know nothing inside it
            return _mounts(scope, root_path, path) + "/*"
        return _mounts(scope, root_path, path) + own or "/"
    if "endpoint" in scope and status not in _NOT_FOUND:
        if _is_application(scope["endpoint"]):  # a mount that answered by itself: a file, a redirect
            return _mounts(scope, root_path, path) + "/*"
        return _route_of_endpoint(scope, root_path, path) or "/"  # an older Starlette, or a plain route in a FastAPI
    return None


def _path_of(scope: Scope, route: Any) -> str | None:
    """The template of a route itself."""
    included = (scope.get("fastapi") or {}).get("effective_route_context")
    path = getattr(route, "path", None)
    if included is not None and getattr(included, "original_route", None) is route:
        path = getattr(included, "path", None) or path  # by `include_router`: newer FastAPIs keep the prefix there
    return path if isinstance(path, str) else None


def _is_application(endpoint: Any) -> bool:
    """Whether this is a mounted application, not a route's function or class."""
    return not (isroutine(endpoint) or isclass(endpoint) or isinstance(endpoint, partial))


class _Way(NamedTuple):
    """The mounts on the way to the route that answered a request.

    Attributes:
        mounts: what each of them took off the path, and its template.
        routes: inside the last one.
        rest: of the path, for these routes.
    """

    mounts: list[tuple[str, str]]
    routes: Iterable[Any]
    rest: str


def _mounts(scope: Scope, root_path: str, path: str) -> str:
    """The templates of the mounts that a request went through, joined."""
    mounted = str(scope.get("root_path") or "")[len(root_path) :]
    if not mounted:
        return ""
    way = _way(scope, root_path, path)
    return (
        _with_names(mounted, scope.get("path_params") or {})
        if way is None
        else "".join(template for _, template in way.mounts)
    )


def _route_of_endpoint(scope: Scope, root_path: str, path: str) -> str:
    """The template of a route that left only its endpoint in the scope."""
    way = _way(scope, root_path, path) or _Way([], (), path)
    for route in unfolded(way.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and getattr(route, "endpoint", None) is scope["endpoint"] and pattern.match(way.rest):
            return "".join(template for _, template in way.mounts) + str(route.path)
    return _with_names(path[len(root_path) :], scope.get("path_params") or {})


def _way(scope: Scope, root_path: str, path: str) -> _Way | None:
    """Repeat the outermost router's way; None if we cannot tell it.

    A value may occur in a path more than once, so the values alone do not tell which part was a parameter.
    """
    outermost = str(scope.get("app_root_path", root_path))  # before the first mount, which may be outside of us
    mounted = str(scope.get("root_path") or "")
    if not (mounted.startswith(root_path) and root_path.startswith(outermost)):
        return None
    start = len(outermost)
    routes = getattr(scope.get("router"), "routes", None)
    rest = path[start:] if path.startswith(outermost) else path
    way = None if routes is None else _through(routes, mounted[start:], rest, 0)
    if way is None:
        return None
    ours: list[tuple[str, str]] = []
    passed = start
    for taken, template in way.mounts:
        if passed >= len(root_path):
            ours.append((taken, template))
        passed += len(taken)
    return way._replace(mounts=ours)


def _through(routes: Iterable[Any], mounted: str, path: str, depth: int) -> _Way | None:
    """The mounts among and below these routes that took this off a path."""
    if not mounted:
        return _Way([], routes, path)
    for route in unfolded(routes) if depth < _DEEPEST else ():
        pattern, inner = getattr(route, "path_regex", None), _behind(route)
        if pattern is None:  # a host
            way = _through(inner, mounted, path, depth + 1)
            if way is not None:
                return way
            continue
        found = None if getattr(route, "endpoint", None) is not None else pattern.match(path)
        if found is None or "path" not in found.groupdict():
            continue
        taken = path[: len(path) - len(found["path"]) - 1]
        left = mounted[len(taken) :] if mounted.startswith(taken) else None
        way = None if left is None else _through(inner, left, path[len(taken) :], depth + 1)
        if way is not None:
            return way._replace(mounts=[(taken, str(route.path)), *way.mounts])
    return None


def _behind(mount: Any) -> Iterable[Any]:
    """The routes of a mount's application, also through middleware around it."""
    found, app = getattr(mount, "routes", None), getattr(mount, "app", None)
    for _ in range(_DEEPEST):
        if found or app is None:
            break
        found, app = getattr(app, "routes", None), getattr(app, "app", None) or getattr(app, "_app", None)
    return found or ()


def _with_names(path: str, params: Mapping[str, Any]) -> str:
    """A path with parameter values replaced by their names, for when we cannot see the routes."""
    if not params:
        return path
    names = {str(value): name for name, value in params.items()}
    return "/".join(f"{{{names[part]}}}" if part and part in names else part for part in path.split("/"))


def endpoint_of(scope: Scope) -> str | None:
    """The function behind the route, by module and name."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        endpoint = getattr(scope.get("route_handler"), "fn", None)
    name = getattr(endpoint, "__qualname__", None)
    return f"{getattr(endpoint, '__module__', '')}.{name}" if isinstance(name, str) else None


def user_of(scope: Scope) -> str | None:
    """The user that authentication left in the scope: by id, else by name; None if there is none."""
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    for attribute in ("id", "pk", "user_id", "identity", "username", "display_name"):
        try:
            value = getattr(user, attribute, None)
        except NotImplementedError:  # Starlette's BaseUser
            continue
        if value is not None and not callable(value):
            return str(value)
    return user if isinstance(user, str) else None
