"""Where a call is below our root: links are relative, so a slash at the end of the path matters."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Place:
    """Redirects browsers to the root with a slash and to pages without one, and undoes what frameworks do to the path.

    Litestar, for one, adds a slash to every path that it passes on. ``raw_path`` has what the browser asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        raw: bytes = scope.get("raw_path") or path.encode()
        asked = raw.partition(b"?")[0].decode("latin-1")
        root = str(scope.get("root_path", "")).rstrip("/")
        rest = path[len(root) :] if root and (path + "/").startswith(root + "/") else path
        last = asked.rstrip("/").rpartition("/")[2]
        query = "?" + scope["query_string"].decode("latin-1") if scope.get("query_string") else ""
        if scope["method"] in ("GET", "HEAD") and last and "\\" not in last:
            if rest in ("", "/") and not asked.endswith("/"):
                await RedirectResponse(f"./{last}/{query}")(scope, receive, send)
                return
            if rest.strip("/") and asked.endswith("/"):
                await RedirectResponse(f"../{last}{query}")(scope, receive, send)
                return
        if rest != "/" and rest.endswith("/"):
            scope = {**scope, "path": path.rstrip("/")}
        await self._app(scope, receive, send)
