"""The text of ``reply_to``: which notifier it is for, the URL language of the HTTP one, and how it may be shown."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import quote, unquote

import msgspec

from dbjobs.errors import InvalidOption

MASK = "***"
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")

# "POST https://...", "slack:#ops", "mailto:ops@example.com"
_SCHEME = re.compile(r"(?:[A-Za-z]+ +)?([A-Za-z][A-Za-z0-9+.-]*):")
_FROM_ENVIRONMENT = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?")
_NOT_IN_HEADER = re.compile(r"[^\x20-\x7e\x80-\xff]")
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|pwd|secret|token|key|signature|credential|auth|^sig$|^code$", re.IGNORECASE
)
# Headers of the message itself: a credential of this name would change what is sent, or whom it is for.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
)
# What stands unencoded in a path or query as it was given.
_PATH_SAFE = "%/:=&?~+!$,;'@()*[]"


def scheme_of(text: str) -> str | None:
    """The scheme of a target in lower case (``https``, ``slack``); None if the text is not a target."""
    found = _SCHEME.match(text)
    return None if found is None else found[1].lower()


def mask_reply_to(text: str | None) -> str | None:
    """A ``reply_to`` as it may be shown, logged and exported: passwords, tokens and header values are masked.

    A name of an environment variable (``$TOKEN``) is shown as it is, and so are the user, the header's name, the host
    and the path. In the query and the fragment the values of names that sound secret are masked.
    """
    if text is None or "://" not in text:
        return text
    head, _, rest = text.partition("://")
    authority, tail = _split_authority(rest)
    login, at, host = authority.rpartition("@")
    if not at and "@" in tail and not re.fullmatch(r"(?:[^:]*|\[[^\]]*\])(?::[0-9]*)?", authority):
        # Not a host with a port: a login with a slash in it, which should have been encoded.
        login, at, tail = "", "@", tail[tail.index("@") + 1 :]
        return f"{head}://{MASK}@{tail}"
    tail, hash_, fragment = tail.partition("#")
    path, mark, query = tail.partition("?")
    return (
        f"{head}://{_masked_login(login)}{at}{host}{path}{mark}{_masked_query(query)}{hash_}{_masked_query(fragment)}"
    )


def _split_authority(rest: str) -> tuple[str, str]:
    end = _END_OF_AUTHORITY.search(rest)
    return (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])


def _masked_login(login: str) -> str:
    name, colon, value = login.partition(":")
    return f"{name}:{_masked(value)}" if colon else _masked(login)


def _masked(value: str) -> str:
    return value if not value or _FROM_ENVIRONMENT.fullmatch(value) else MASK


def _masked_query(query: str) -> str:
    pairs = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={MASK}" if equals and _SECRET_NAME.search(unquote(name)) else pair)
    return "&".join(pairs)


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is authenticated with.

    Attributes:
        kind: ``basic`` (a user and a password), ``bearer`` (a token), or ``header``.
        name: the user, or the header's name; empty for a token.
        value: the password, the token, or the header's value; or the name of the environment variable that has it.
        from_environment: ``value`` is such a name.
    """

    kind: Literal["basic", "bearer", "header"]
    name: str = ""
    value: str
    from_environment: bool = False

    def __repr__(self) -> str:
        value = f"${self.value}" if self.from_environment else MASK
        return f"Credential(kind={self.kind!r}, name={self.name!r}, value={value!r})"


class HttpTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where an HTTP notice goes.

    Attributes:
        method: POST unless another one stands before the URL.
        scheme: ``http`` or ``https``.
        host: in lower case, as DNS has it; an IPv6 address without brackets.
        port: None for the scheme's own.
        path: with the query, URL-encoded.
        credential: None without one.
    """

    method: str = "POST"
    scheme: str
    host: str
    port: int | None = None
    path: str = "/"
    credential: Credential | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials belong to."""
        return self.scheme, self.host, self.port or (443 if self.scheme == "https" else 80)

    @property
    def url(self) -> str:
        """The URL without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}{self.path}"

    @property
    def text(self) -> str:
        """The ``reply_to`` that means this, credentials included."""
        method = "" if self.method == "POST" else f"{self.method} "
        login, credential = "", self.credential
        if credential is not None:
            value = f"${credential.value}" if credential.from_environment else quote(credential.value, safe="")
            names = {"basic": f"{quote(credential.name, safe='')}:", "header": f"http.{credential.name}:"}
            if credential.kind == "basic" and credential.name.startswith("http."):
                names["basic"] = f"http%2E{quote(credential.name[5:], safe='')}:"
            login = f"{names.get(credential.kind, '')}{value}@"
        scheme, _, rest = self.url.partition("://")
        return f"{method}{scheme}://{login}{rest}"


def parse_http(text: str) -> HttpTarget:
    """A ``reply_to`` in the URL language: ``PUT https://user:password@host/path``.

    Text before a space is the method (POST without one). Before the host, ``user:password@`` is basic authentication,
    ``http.Header:value@`` sends a header, and any other ``token@`` is a bearer token. A password, token or header
    value ``$NAME`` comes from the environment. Each part may be URL-encoded (``%24`` for a ``$`` that is meant).

    Raises:
        InvalidOption: it is not such a URL; the error shows no secret.
    """
    shown = mask_reply_to(text)
    method, space, url = text.strip().rpartition(" ")
    method = method.strip().upper() if space else "POST"
    if method not in METHODS:
        raise InvalidOption(f"{shown!r}: the text before the space must be one of {', '.join(METHODS)}")
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in ("http", "https"):
        raise InvalidOption(f"{shown!r} must be an http:// or https:// URL")
    authority, tail = _split_authority(rest)
    login, at, place = authority.rpartition("@")
    host, port = _host_and_port(place, shown)
    path = tail.partition("#")[0]
    if re.search(r"[\x00-\x20\x7f\\]", path):
        raise InvalidOption(f"{shown!r}: blanks, control characters and backslashes must be URL-encoded")
    path = quote(path, safe=_PATH_SAFE)
    return HttpTarget(
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        path=path if path.startswith("/") else f"/{path}",
        credential=_credential(login, shown) if at else None,
    )


def _host_and_port(place: str, shown: str | None) -> tuple[str, int | None]:
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError:
            bracket = ""
        if not bracket or (port and not port.startswith(":")):
            raise InvalidOption(f"{shown!r}: {place!r} is not a host")
        port = port[1:]
    else:
        host, _, port = place.partition(":")
        try:
            host = host.lower() if host.isascii() else host.encode("idna").decode("ascii")
        except UnicodeError:
            host = ""
        if len(host) > 253 or not _HOST.fullmatch(host):
            raise InvalidOption(
                f"{shown!r}: there is no host where one is expected; special characters of a login must be URL-encoded"
            )
    if not port:
        return host, None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise InvalidOption(
            f"{shown!r}: a port is a number from 1 to 65535; special characters of a login must be URL-encoded"
        )
    return host, int(port)


def _credential(login: str, shown: str | None) -> Credential:
    name, colon, raw = login.partition(":")
    kind: Literal["basic", "bearer", "header"] = "basic"
    if not colon:
        kind, name, raw = "bearer", "", login
    elif name.startswith("http."):
        kind, name = "header", unquote(name[5:])
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-"):
            raise InvalidOption(f"{shown!r}: http.{name} names no header that can be sent")
    else:
        name = unquote(name)
    from_environment = _FROM_ENVIRONMENT.fullmatch(raw) is not None
    value = raw[1:] if from_environment else unquote(raw)
    if not value and kind != "basic":
        raise InvalidOption(f"{shown!r}: there is no token before the @")
    if kind != "basic":
        check_header_value(value, shown)
    elif ":" in name:
        raise InvalidOption(f"{shown!r}: the user of a basic authentication must not contain a colon")
    return Credential(kind=kind, name=name, value=value, from_environment=from_environment)


def check_header_value(value: str, shown: str | None) -> None:
    """Refuse what no header can carry.

    Raises:
        InvalidOption: the error does not show the value.
    """
    if _NOT_IN_HEADER.search(value) or value != value.strip():
        raise InvalidOption(f"{shown!r}: a token or header value has characters that no header can carry")
