"""Tells a URL of the end of a job: one signed request, redirects by rules of our own, a limit to everything."""

from __future__ import annotations

import base64
import os
import ssl
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urljoin

import anyio
import httpcore2 as httpcore

from dbjobs.commands.codec import dumps_typed
from dbjobs.commands.options import duration
from dbjobs.errors import InvalidOption, NotDelivered, RetryAfter
from dbjobs.models import Job
from dbjobs.notifications import ReplyTo
from dbjobs.reply_to import MASK, HttpTarget, check_header_value, parse_http
from dbjobs.webhooks.addresses import Addresses, Guarded, Resolver, resolve
from dbjobs.webhooks.payload import payload_of
from dbjobs.webhooks.signing import Signer

# Of an answer no more is read than this; nothing of it is kept.
MOST_ANSWER_BYTES = 65_536
# The longest Retry-After that is obeyed.
MOST_RETRY_SECONDS = 86_400.0
# See Other says that the notice was taken, and where to read on: nothing to follow.
_TAKEN = 303
_REDIRECTS = frozenset({301, 302, 307, 308})
_GONE = 410


class Answer(NamedTuple):
    """What a receiver has answered."""

    status: int
    location: str | None
    retry_after: str | None


class HttpNotifier:
    """Notices over HTTP, for ``reply_to="https://..."`` (register it: ``jobs.notifier(HttpNotifier(...))``).

    Args:
        secret: what notices are signed with, as ``whsec_`` and base64, as bytes, or as ``$NAME`` of an environment
            variable; a list of several while one replaces another. None: the variable ``DBJOBS_WEBHOOK_SECRET``, and
            no signature where that is not set.
        env: names of environment variables that a ``reply_to`` may take its token, password or header value from. All
            others are refused, or anybody who may set a ``reply_to`` could have any secret of the process sent away.
        timeout: seconds (or timedelta) for all of one notice: name look-up, connections, redirects, answer.
        max_redirects: redirects that are followed, with the same method and body.
        allow_private: send to private, loopback and link-local addresses, too.
        allow_networks: networks that notices may be sent to, whatever they are: ``["10.1.0.0/16"]``.
        ssl_context: for ``https``; the system's certificates by default.
        resolver: ``async (host, port) -> addresses``; the system's by default.

    Raises:
        InvalidOption: an argument is wrong.
    """

    schemes = ("http", "https")

    def __init__(
        self,
        *,
        secret: str | bytes | Sequence[str | bytes] | None = None,
        env: Iterable[str] = (),
        timeout: float | timedelta = 10.0,
        max_redirects: int = 5,
        allow_private: bool = False,
        allow_networks: Iterable[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        if isinstance(env, str):
            raise InvalidOption(f"HttpNotifier: env={env!r} must be a list of names of environment variables")
        if isinstance(max_redirects, bool) or not isinstance(max_redirects, int) or not 0 <= max_redirects <= 20:
            raise InvalidOption(f"HttpNotifier: max_redirects={max_redirects!r} must be between 0 and 20")
        self._signer = Signer(secret)
        self._env = frozenset(name.removeprefix("$") for name in env)
        self._timeout = duration(timeout, "HttpNotifier: timeout", least=0.1)
        self._max_redirects = max_redirects
        self._network = Guarded(Addresses(allow_private=allow_private, allow_networks=allow_networks), resolver)
        self._ssl_context = ssl_context

    def check(self, text: str) -> None:
        """Refuse a ``reply_to`` that no notice can be sent to, when its job is enqueued.

        Raises:
            InvalidOption.
        """
        credential = parse_http(text).credential
        if credential is not None and credential.from_environment and credential.value not in self._env:
            raise InvalidOption(
                f"${credential.value}: HttpNotifier(env=[...]) names the environment variables that may be sent, and "
                "this is not one of them"
            )

    async def __call__(self, job: Job[Any], target: ReplyTo) -> dict[str, Any]:
        """Send one notice.

        Returns:
            The status of the answer, and how many redirects led to it.

        Raises:
            NotDelivered: it was not taken; ``final`` if there is no point in trying again. RetryAfter: the receiver
                has said when.
        """
        self.check(target.text)
        at = parse_http(target.text)
        login = _login_of(at)
        try:
            with anyio.fail_after(self._timeout):
                return await self._send(at, login, job, target)
        except TimeoutError:
            raise NotDelivered(f"{_place(at)} did not answer within {self._timeout:g} s") from None
        except (NotDelivered, RetryAfter):
            raise
        except Exception as error:  # of the HTTP library, TLS or the system: their texts may show what was sent
            text = _without(str(error), login, target.text)
            raise NotDelivered(f"{_place(at)}: {type(error).__name__}: {text}") from None

    async def _send(
        self, at: HttpTarget, login: tuple[str, str] | None, job: Job[Any], target: ReplyTo
    ) -> dict[str, Any]:
        body = b"" if at.method == "GET" else dumps_typed(payload_of(job)).encode()
        headers = {
            "user-agent": "dbjobs",
            "accept": "*/*",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **self._signer.headers(target.id, int(time.time()), body),
        }
        first = at
        for redirects in range(self._max_redirects + 1):
            # Credentials are for the place that they were given for, and for no other.
            given = {} if login is None or at.origin != first.origin else dict([login])
            answer = await self._exchange(at, {"host": _host(at), **headers, **given}, body)
            if answer.status not in _REDIRECTS or answer.location is None:
                return _judged(answer, at, redirects)
            at = _redirected(at, answer.location)
        raise NotDelivered(f"{_place(first)}: more than {self._max_redirects} redirects")

    async def _exchange(self, at: HttpTarget, headers: dict[str, str], body: bytes) -> Answer:
        """One request over a connection of its own: nothing of it is used again, so nothing is left behind."""
        if at.scheme == "https" and self._ssl_context is None:
            self._ssl_context = await anyio.to_thread.run_sync(ssl.create_default_context)
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context, max_connections=1, network_backend=self._network
            ) as pool,
            pool.stream(at.method, at.url, headers=lines, content=body) as response,
        ):
            answered = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            read = 0
            async for part in response.aiter_stream():
                read += len(part)
                if read > MOST_ANSWER_BYTES:
                    break
            return Answer(response.status, answered.get(b"location"), answered.get(b"retry-after"))


def _judged(answer: Answer, at: HttpTarget, redirects: int) -> dict[str, Any]:
    status = answer.status
    if 200 <= status < 300 or status == _TAKEN:
        return {"status": status, "redirects": redirects}
    text = f"{_place(at)} answered {status}"
    asked = answer.retry_after
    if status in (429, 503) and asked is not None and asked.strip().isdecimal():
        raise RetryAfter(min(float(asked), MOST_RETRY_SECONDS), text)
    raise NotDelivered(text, final=status == _GONE)


def _redirected(at: HttpTarget, location: str) -> HttpTarget:
    """Where a redirect leads.

    Raises:
        NotDelivered: nowhere that a notice may go.
    """
    try:
        to = parse_http(urljoin(at.url, location))
    except (InvalidOption, ValueError):
        raise NotDelivered(f"{_place(at)} redirects to something that is not a URL", final=True) from None
    if to.credential is not None:
        raise NotDelivered(f"{_place(at)} redirects to a URL with a login", final=True)
    if at.scheme == "https" and to.scheme == "http":
        raise NotDelivered(f"{_place(at)} redirects from https to http", final=True)
    return HttpTarget(method=at.method, scheme=to.scheme, host=to.host, port=to.port, path=to.path)


def _login_of(at: HttpTarget) -> tuple[str, str] | None:
    """The header that a credential is sent in.

    Raises:
        NotDelivered: it is to come from the environment, and is not there.
    """
    credential = at.credential
    if credential is None:
        return None
    value = credential.value
    if credential.from_environment:
        found = os.environ.get(credential.value)
        if not found:
            raise NotDelivered(f"the environment variable {credential.value}, which reply_to names, is not set here")
        value = found.strip()
        if credential.kind != "basic":
            try:
                check_header_value(value, f"${credential.value}")
            except InvalidOption as error:
                raise NotDelivered(str(error)) from None
    if credential.kind == "header":
        return credential.name.lower(), value
    if credential.kind == "bearer":
        return "authorization", f"Bearer {value}"
    return "authorization", "Basic " + base64.b64encode(f"{credential.name}:{value}".encode()).decode()


def _place(at: HttpTarget) -> str:
    """A target for people: its origin, because a path may hold a secret, too."""
    return at.url[: len(at.url) - len(at.path)]


def _host(at: HttpTarget) -> str:
    return _place(at).partition("://")[2]


def _without(text: str, login: tuple[str, str] | None, target: str) -> str:
    secrets = [target]
    if login is not None:
        secrets += [login[1], login[1].partition(" ")[2]]
    for secret in filter(None, secrets):
        text = text.replace(secret, MASK)
    return text
