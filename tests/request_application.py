"""An ASGI application whose answers are in its paths, and one request to it, without a server."""

from __future__ import annotations

from typing import Any

from dbjobs.requestlog import RequestLog


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers as its query says; the user is in the path."""
    _, kind, user = (scope["path"] + "//").split("/")[:3]
    scope["path_template"] = f"/{kind}/{{user}}" if kind != "nothing" else ""
    scope["user"] = user or None
    if kind == "boom":
        raise RuntimeError("no: \\ ' \x00 \U0001f600")
    await send({"type": "http.response.start", "status": 404 if kind == "nothing" else 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 100})


async def ask(log: RequestLog, path: str, *, ip: str = "1.2.3.4", method: str = "GET", **headers: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http", "path": path, "method": method, "query_string": b"a=1", "client": (ip, 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    try:
        await log(scope, receive, send)
    except RuntimeError:
        assert path.startswith("/boom")
