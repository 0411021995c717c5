"""What frameworks leave in a scope: the template of the route, the function behind it, the user."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from functools import partial
from inspect import isclass, isroutine
from typing import Any

Scope = MutableMapping[str, Any]
_NOT_FOUND = (404, 405)


def route_of(scope: Scope, root_path: str, status: int) -> str | None:
    """The template of a request's route, such as ``/users/{user_id}``; None where nothing in the scope tells.

    Args:
        scope: as the application has left it.
        root_path: as it was before: what came to it since are mounts.
        status: of the response.
    """
    params = scope.get("path_params") or {}
    template = scope.get("path_template")  # Litestar
    if isinstance(template, str) and template:
        return template
    route = scope.get("route")  # FastAPI, Starlette
    path = getattr(route, "path", None)
    if isinstance(path, str):
        mounted = str(scope.get("root_path") or "")[len(root_path) :]
        if not hasattr(route, "methods"):  # a mount, and nothing that is known within it
            return _with_names(mounted, params) + "/*"
        return _with_names(mounted, params) + path or "/"
    if "endpoint" in scope and status not in _NOT_FOUND:
        if _is_application(scope["endpoint"]):  # a mount that has answered by itself: a file, a redirect
            return _with_names(str(scope.get("root_path") or "")[len(root_path) :], params) + "/*"
        # An older Starlette: the path with its values put back.
        return _with_names(str(scope.get("path", ""))[len(root_path) :], params) or "/"
    return None


def _is_application(endpoint: Any) -> bool:
    """What a mount leads to, and no function or class of a route."""
    return not (isroutine(endpoint) or isclass(endpoint) or isinstance(endpoint, partial))


def _with_names(path: str, params: Mapping[str, Any]) -> str:
    """A path with the values of parameters replaced by their names."""
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
    """The user whom an authentication has left in the scope: by id, else by name; None if there is none."""
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
