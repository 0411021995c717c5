"""Where a page stands below our root, and how it finds back."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request


def path_of(request: Request) -> str:
    """The path below our own root, whether or not whoever mounted us has left it in."""
    path, root = str(request.scope["path"]), str(request.scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def root_of(request: Request) -> str:
    """The way from this page to our root, relative."""
    return "../" * (path_of(request).count("/") - 1) or "./"


def base_of(request: Request) -> str:
    """Our root as the browser has called it, as far as the server or its proxy tells."""
    path = path_of(request)
    return str(request.url.replace(query="", fragment="")).removesuffix(quote(path)).rstrip("/") + "/"
