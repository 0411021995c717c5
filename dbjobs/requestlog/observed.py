"""One request while it runs: counts what passes by, and keeps what the options ask for."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from dbjobs.requestlog.masking import hashed
from dbjobs.requestlog.routes import Scope, endpoint_of, route_of, user_of
from dbjobs.requestlog.seen import LONGEST_NAME, Seen, plain
from dbjobs.requestlog.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LEFT = "ClientDisconnect"  # Starlette's exception for it
CLIENT_LEFT = 499  # nginx's code for it: the client left before there was a response
# To find the secrets in a JSON body we need all of it, so we keep this much more than we store.
_KEPT = 4
_LONGEST_TRACEBACK = 16_000
_IN_LINES = {b"cookie": b"; ", b"x-forwarded-for": b", ", b"forwarded": b", "}
# Under this key the application tells the log about its request: a list, because copies of the scope share it.
_TOLD = "dbjobs.request_log"
_LEAVE_OUT = "leave out"


class Observed:
    """Sits between the server and the application for one request.

    Args:
        scope: the request's; the application may change it.
        receive, send: the server's.
        settings: of the log.
    """

    __slots__ = (
        "_began", "_broken", "_complete", "_disconnected", "_ended", "_keeps_request", "_keeps_response", "_limit",
        "_path", "_receive", "_request", "_request_bytes", "_response", "_response_bytes", "_response_headers",
        "_root_path", "_scope", "_send", "_settings", "_status", "_told",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self._began = time.monotonic()
        self._scope = scope
        self._told: list[str] = scope.setdefault(_TOLD, [])
        self._receive = receive
        self._send = send
        self._settings = settings
        self._root_path = scope.get("root_path") or ""  # mounts append to it
        self._path = str(scope["path"])  # Litestar strips the mounts from it
        self._status: int | None = None
        self._ended: float | None = None
        self._complete = False
        self._disconnected = self._broken = False
        self._request_bytes = self._response_bytes = 0
        self._response_headers: list[tuple[bytes, bytes]] = []
        self._limit = settings.max_body_bytes * _KEPT
        self._keeps_request = settings.wants(settings.request_body, scope)
        self._keeps_response = settings.wants(settings.response_body, scope)
        self._request, self._response = bytearray(), bytearray()

    @property
    def left_out(self) -> bool:
        """The application said not to log it."""
        return _LEAVE_OUT in self._told

    async def receive(self) -> Message:
        """What the application receives."""
        message = await self._receive()
        kind = message["type"]
        if kind == "http.request":
            body = message.get("body", b"")
            self._request_bytes += len(body)
            if self._keeps_request and len(self._request) < self._limit:
                self._request += body[: self._limit - len(self._request)]
        elif kind == "http.disconnect" and not self._complete:
            self._disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """What the application sends."""
        if self._disconnected:  # nobody receives it, such as a framework's answer to its own exception
            await self._send(message)
            return
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
            self._response_headers = list(message.get("headers", ()))
        elif kind == "http.response.body":
            body = message.get("body", b"")
            self._response_bytes += len(body)
            if self._keeps_response and len(self._response) < self._limit:
                self._response += body[: self._limit - len(self._response)]
            if not message.get("more_body", False):
                self._complete = True
        elif kind == "http.response.pathsend":  # the server sends a file itself
            self._complete = True
        try:
            await self._send(message)
        except OSError:  # how a server (ASGI 2.4) says that the client has left
            self._broken = self._disconnected = True
            self._complete = False
            if kind == "http.response.start":
                self._status = None
            raise
        if self._complete and self._ended is None:
            self._ended = time.monotonic()

    def end(self, error: BaseException | None) -> Seen:
        """The record, after the application returned or raised this."""
        scope, settings, masks = self._scope, self._settings, self._settings.masks
        headers = _headers(scope.get("headers", ()))
        ended = time.monotonic() if self._ended is None else self._ended
        cancelled = isinstance(error, asyncio.CancelledError)
        left = not self._complete and (self._disconnected or cancelled)
        status = self._status
        if status is None:
            status = CLIENT_LEFT if left else 500
        peer = scope.get("client")
        forwarded_for = _text(headers, b"x-forwarded-for")
        query = scope.get("query_string", b"").decode("latin-1")
        seen = Seen(
            began=self._began,
            method=plain(scope["method"], 20) or "",
            path=plain(self._path) or "/",
            query=plain(masks.query(query)) if query else None,
            host=plain(_text(headers, b"host"), LONGEST_NAME),
            http_version=scope.get("http_version"),
            route=plain(
                self._named(settings.route, route_of(scope, self._root_path, self._path, status)), LONGEST_NAME
            ),
            endpoint=plain(endpoint_of(scope), LONGEST_NAME),
            status=status,
            duration_ms=round((ended - self._began) * 1000, 3),
            user=plain(self._named(settings.user, user_of(scope)), LONGEST_NAME),
            api_key=self._key(headers),
            session=self._session(headers),
            ip=settings.proxies.client(peer[0] if peer else None, forwarded_for, _text(headers, b"forwarded")),
            forwarded_for=plain(forwarded_for, LONGEST_NAME),
            user_agent=plain(_text(headers, b"user-agent"), 500),
            trace_id=_trace(headers),
            request_bytes=self._request_bytes,
            response_bytes=self._response_bytes,
            disconnected=left,
        )
        if b"referer" in headers:
            seen.referer = plain(masks.url(headers[b"referer"].decode("latin-1")))
        if settings.request_headers:
            seen.request_headers = masks.headers(scope.get("headers", ()))
        if settings.response_headers:
            seen.response_headers = masks.headers(self._response_headers)
        if self._keeps_request:
            seen.request_body = self._body(self._request, self._request_bytes, headers)
        if self._keeps_response:
            sent = {name.lower(): value for name, value in self._response_headers}
            seen.response_body = self._body(self._response, self._response_bytes, sent)
        # If the client has left, that is not the application's error, whatever it raises for it.
        gone = cancelled or self._broken or (left and type(error).__name__ == _LEFT)
        if error is not None and settings.errors and not gone:
            self._tell(seen, error)
        return seen

    def _named(self, chosen: Callable[[Scope], str | None] | None, found: str | None) -> str | None:
        """What the application's own function returns, if there is one; else what was found."""
        if chosen is None:
            return found
        named = chosen(self._scope)
        return None if named is None else str(named)

    def _key(self, headers: dict[bytes, bytes]) -> str | None:
        """The hash of the API key."""
        if self._settings.api_key is not None:
            key = self._settings.api_key(self._scope)
        else:
            key = _text(headers, b"x-api-key")
        return hashed(str(key)) if key else None

    def _session(self, headers: dict[bytes, bytes]) -> str | None:
        """The hash of the session's cookie."""
        name = self._settings.session_cookie
        if name is None or b"cookie" not in headers:
            return None
        try:
            cookie = SimpleCookie(headers[b"cookie"].decode("latin-1")).get(name)
        except CookieError:
            return None
        return hashed(cookie.value) if cookie is not None and cookie.value else None

    def _body(self, body: bytearray, total: int, headers: dict[bytes, bytes]) -> str | None:
        kind, encoding = _text(headers, b"content-type") or "", _text(headers, b"content-encoding") or ""
        text = self._settings.masks.body(bytes(body), total, kind, encoding.lower())
        return plain(text, self._settings.max_body_bytes)

    def _tell(self, seen: Seen, error: BaseException) -> None:
        masks = self._settings.masks
        try:
            text = str(error)
        except Exception:
            text = "(its text cannot be made)"
        seen.error = plain(masks.text(f"{type(error).__name__}: {text}"))
        try:
            told = "".join(traceback.format_exception(error))
        except Exception:
            return
        seen.traceback = plain(masks.text(told[-_LONGEST_TRACEBACK:]), _LONGEST_TRACEBACK)


def _headers(given: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; repeated ones (HTTP/2 splits cookies) are joined."""
    lines = list(given)
    headers = dict(lines)
    if len(headers) < len(lines):
        for name, between in _IN_LINES.items():
            several = [value for one, value in lines if one == name]
            if len(several) > 1:
                headers[name] = between.join(several)
    return headers


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _trace(headers: dict[bytes, bytes]) -> str | None:
    """The trace of W3C's traceparent (version-trace-span-flags), else the id that a proxy gave the request."""
    parts = (_text(headers, b"traceparent") or "").split("-")
    if len(parts) >= 4 and len(parts[1]) == 32:
        return plain(parts[1], 32)
    return plain(_text(headers, b"x-request-id"), 64)


def leave_out(scope: Mapping[str, Any]) -> None:
    """Keep the request of this scope out of the log, if it would be logged."""
    told = scope.get(_TOLD)
    if isinstance(told, list):
        told.append(_LEAVE_OUT)
