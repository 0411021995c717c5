"""One observed request: what we know at its end, secrets masked."""

from __future__ import annotations

from typing import Any

import msgspec

LONGEST_NAME = 200  # of a name that is a key somewhere: a route, a user
LONGEST_TEXT = 2000  # of a path, a query, an error


class Seen(msgspec.Struct, kw_only=True, gc=False):
    """A request for the log; ``on_request`` may read and change it.

    Attributes:
        began: when, on ``time.monotonic()``.
        status: of the response; if none had begun: 500 if the application raised, 499 if the client left.
        duration_ms: until the last byte of the response was handed to the server.
        user, ip, forwarded_for, referer, user_agent: who asked.
        api_key, session: hashes.
        request_bytes, response_bytes: of the bodies, as far as they were read and sent.
        disconnected: the client left before the response was complete.
        error, traceback: of the application's exception.
        meta: the application's own; must be representable in JSON.
    """

    began: float
    method: str
    path: str
    query: str | None = None
    host: str | None = None
    http_version: str | None = None
    route: str | None = None
    endpoint: str | None = None
    status: int = 0
    duration_ms: float = 0.0
    user: str | None = None
    api_key: str | None = None
    session: str | None = None
    ip: str | None = None
    forwarded_for: str | None = None
    referer: str | None = None
    user_agent: str | None = None
    trace_id: str | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    disconnected: bool = False
    request_headers: list[tuple[str, str]] | None = None
    response_headers: list[tuple[str, str]] | None = None
    request_body: str | None = None
    response_body: str | None = None
    error: str | None = None
    traceback: str | None = None
    meta: dict[str, Any] | None = None


def plain(text: str | None, longest: int = LONGEST_TEXT) -> str | None:
    """A text that every database can store, cut to its longest."""
    if not text:
        return None
    text = text[:longest]
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def size_of(seen: Seen) -> int:
    """Its approximate size in memory and in a packet, in characters."""
    size = 600 + len(seen.path) + len(seen.query or "") + len(seen.user_agent or "") + len(seen.referer or "")
    size += len(seen.request_body or "") + len(seen.response_body or "") + len(seen.traceback or "")
    for headers in (seen.request_headers, seen.response_headers):
        if headers is not None:
            size += sum(len(name) + len(value) + 10 for name, value in headers)
    return size
