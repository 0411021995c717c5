"""Where a page is below our root, and the way back."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request


def path_of(request: Request) -> str:
    """The path below our own root, whether or not the framework that mounted us left that in."""
    path, root = str(request.scope["path"]), str(request.scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def root_of(request: Request) -> str:
    """The relative way from this page to our root."""
    return "../" * (path_of(request).count("/") - 1) or "./"


def base_of(request: Request) -> str:
    """Our root as the browser called it, as far as the server or its proxy tells us."""
    path = path_of(request)
    return str(request.url.replace(query="", fragment="")).removesuffix(quote(path)).rstrip("/") + "/"
