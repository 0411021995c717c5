"""A mounted application, and how a job calls it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dbjobs.asgi.exchange import AsgiApp, Exchange
from dbjobs.asgi.request import ApiRequest, decoded
from dbjobs.asgi.response import ApiResponse
from dbjobs.asgi.status import details, failure
from dbjobs.context import JobContext
from dbjobs.errors import InvalidOption

# The version of ASGI's HTTP messages: with it frameworks watch for the disconnect while they stream.
SPEC_VERSION = "2.3"
_TRACE_HEADERS = ("traceparent", "tracestate")
_PORTS = {"http": 80, "https": 443}
UserHeaders = Callable[[Any], Any]


class CallSettings(msgspec.Struct, frozen=True):
    """How answers of one route are taken.

    Attributes:
        keep_body: the body of an answer is kept with the job.
        max_response_bytes: the largest one that is kept.
    """

    keep_body: bool = True
    max_response_bytes: int = 1_048_576


class Application:
    """An ASGI application, and what its server would tell it.

    Args:
        base_url: scheme, host and root path of these requests.
        client: the peer that requests seem to come from.
        state: the application's lifespan state, or a function that gives it.
        user_headers: gives headers for a user (see ``Jobs.mount_api``).

    Raises:
        InvalidOption: one of them is wrong.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        base_url: str,
        client: tuple[str, int] | None,
        state: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None,
        user_headers: UserHeaders | None,
    ) -> None:
        if not callable(app):
            raise InvalidOption(
                f"mount_api: an ASGI application is called with (scope, receive, send); {app!r} cannot be"
            )
        parts = urlsplit(base_url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
            raise InvalidOption(f"mount_api: base_url={base_url!r} must be like 'https://example.com' or '.../root'")
        if user_headers is not None and not callable(user_headers):
            raise InvalidOption("mount_api: user_headers must be a function (user) -> headers")
        self.app = app
        self._scheme = parts.scheme
        self._host = parts.netloc.rpartition("@")[2]
        self._server = (parts.hostname, parts.port or _PORTS[parts.scheme])
        self._root_path = parts.path.rstrip("/")
        self._client = client
        self._state = state
        self._user_headers = user_headers

    async def call(self, request: ApiRequest, job: JobContext, settings: CallSettings) -> ApiResponse:
        """Send a job's request through the application.

        Raises:
            ApiFailed: it was answered with 400 or more. PayloadTooLarge. What leaves the application.
        """
        scope = self._scope(request, job, await self._headers_of(job.user))
        exchange = Exchange(
            self.app, scope, request.body, limit=settings.max_response_bytes, keep_body=settings.keep_body
        )
        try:
            answer = await exchange.run()
        except Exception:
            if (begun := exchange.answer) is not None:
                job._details = details(begun)
            raise
        if (error := failure(answer)) is not None:
            job._details = details(answer)
            raise error
        return answer

    async def _headers_of(self, user: Any) -> list[tuple[bytes, bytes]]:
        """The headers by which the application's own authentication knows a user."""
        if user is None or self._user_headers is None:
            return []
        given = self._user_headers(user)
        if inspect.isawaitable(given):
            given = await given
        if given is None:
            return []
        if not isinstance(given, Mapping):
            raise InvalidOption(f"user_headers must give a mapping of headers, not a {type(given).__name__}")
        return [(str(name).lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in given.items()]

    def _scope(self, request: ApiRequest, job: JobContext, of_user: list[tuple[bytes, bytes]]) -> dict[str, Any]:
        state = self._state() if callable(self._state) else self._state
        trace = _trace_of(job) or {name: value for name, value in request.headers if name in _TRACE_HEADERS}
        headers = [
            (b"dbjobs-job-id", str(job.id).encode()),
            (b"dbjobs-attempt", str(job.attempt).encode()),
        ]
        own = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
        names = {name for name, _ in of_user}
        headers += of_user
        headers += [pair for pair in own if pair[0] not in names]  # the user of the job is whom it runs for
        names |= {name for name, _ in own}
        body = request.body
        more = {b"host": self._host.encode(), b"user-agent": b"dbjobs", b"accept": b"*/*"}
        if body or request.method in ("POST", "PUT", "PATCH"):
            more[b"content-length"] = str(len(body)).encode()
        more |= {name.encode(): value.encode("latin-1", "replace") for name, value in trace.items()}
        headers += [(name, value) for name, value in more.items() if name not in names]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
            "http_version": "1.1",
            "method": request.method,
            "scheme": self._scheme,
            "path": self._root_path + decoded(request.path),
            "raw_path": (self._root_path + request.path).encode(),
            "query_string": request.query.encode(),
            "root_path": self._root_path,
            "headers": headers,
            "client": self._client,
            "server": self._server,
            "state": dict(state or {}),
            "extensions": {},
            "dbjobs": {"job": job, "job_id": job.id, "attempt": job.attempt, "trace": trace},
        }
        if job.user is not None:
            scope["user"] = job.user
        return scope


def _trace_of(job: JobContext) -> dict[str, str]:
    """The job's trace context as headers: a W3C ``traceparent``, or several as a JSON object."""
    text = job._job.trace_context
    if not text:
        return {}
    if re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", text):
        return {"traceparent": text}
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        return {}
