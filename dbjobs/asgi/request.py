"""The request of an API job: what a client would send, as it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec

from dbjobs.commands import codec
from dbjobs.errors import InvalidOption

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
# Headers that say how the body is sent, or what only we may say.
_OURS = ("content-length", "transfer-encoding", "connection")
OUR_PREFIX = "dbjobs-"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What a path may hold as it is; a percent sign is taken for the beginning of an escape.
_SAFE_IN_PATH = "/%:@!$&'()*+,;=~-._"

Pairs = tuple[tuple[str, str], ...]


class ApiRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP request.

    Attributes:
        path: as in a URL, percent-encoded, without the query.
        query: the query string, encoded.
        headers: names in lower case.
        json_body, text, data: the body; one of them at most.
    """

    method: str
    path: str
    query: str = ""
    headers: Pairs = ()
    json_body: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="json", default=msgspec.UNSET)
    text: str = ""
    data: bytes = b""

    @property
    def body(self) -> bytes:
        """What is sent."""
        if isinstance(self.json_body, msgspec.Raw):
            return bytes(self.json_body)
        return self.data or self.text.encode()


def make_request(method: str, path: str, given: Mapping[str, Any], *, limit: int) -> ApiRequest:
    """Check what ``enqueue_api`` was given.

    Args:
        given: ``json``, ``form``, ``body``, ``query``, ``headers``, as far as they are given.
        limit: the largest body in bytes.

    Raises:
        InvalidOption, InvalidRequest, PayloadTooLarge: name what is wrong.
    """
    where = f"enqueue_api of {method} {path}"
    path, _, in_path = path.partition("?")
    query = given.get("query")
    headers = _headers(given.get("headers"), where)
    bodies = [name for name in ("json", "form", "body") if name in given]
    if len(bodies) > 1:
        raise InvalidOption(f"{where}: there is one body; give one of {', '.join(bodies)}")
    content: dict[str, Any] = {}
    kind = ""
    if "json" in given:
        text = codec.encode(given["json"], what=f"the JSON body of {method} {path}", limit=limit)
        content, kind = {"json_body": msgspec.Raw((text or "null").encode())}, "application/json"
    elif "form" in given:
        if not isinstance(given["form"], Mapping):
            raise InvalidOption(f"{where}: form must be a mapping of names to values")
        content, kind = {"text": _encoded(given["form"], where)}, "application/x-www-form-urlencoded"
    elif "body" in given:
        body = given["body"]
        if isinstance(body, str):
            content, kind = {"text": body}, "text/plain; charset=utf-8"
        elif isinstance(body, bytes | bytearray):
            content, kind = {"data": bytes(body)}, "application/octet-stream"
        else:
            raise InvalidOption(f"{where}: body must be text or bytes, not {type(body).__name__} (an object: json=...)")
    if kind and not any(name == "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", kind))
    asked = query if isinstance(query, str) else _encoded(query, where) if query is not None else ""
    return ApiRequest(
        method=method,
        path=quote(path, safe=_SAFE_IN_PATH),
        query="&".join(part for part in (_quoted_query(in_path), _quoted_query(asked.removeprefix("?"))) if part),
        headers=headers,
        **content,
    )


def checked_method(method: str) -> str:
    """A method in capitals.

    Raises:
        InvalidOption: it is not one.
    """
    upper = method.upper()
    if upper not in METHODS:
        raise InvalidOption(f"enqueue_api: {method!r} is not a method; they are {', '.join(METHODS)}")
    return upper


def checked_path(path: Any) -> str:
    """The path of a request, perhaps with a query.

    Raises:
        InvalidOption: it is not one.
    """
    if not isinstance(path, str) or not path.startswith("/"):
        example = "; the application is called in this process, so there is no host" if "://" in str(path) else ""
        raise InvalidOption(f"enqueue_api: the path must be a text that begins with '/', not {path!r}{example}")
    return path


def decoded(path: str) -> str:
    """A path as the application sees it."""
    return unquote(path.partition("?")[0])


def _headers(given: Any, where: str) -> Pairs:
    if given is None:
        return ()
    pairs: list[tuple[str, str]] = []
    for name, value in _pairs(given, f"{where}: headers"):
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidOption(f"{where}: {name!r} is not the name of a header")
        lower = name.lower()
        if lower in _OURS or lower.startswith(OUR_PREFIX):
            raise InvalidOption(f"{where}: the header {name!r} is set by dbjobs itself")
        if (
            not isinstance(value, str)
            or re.search("[\r\n\0]", value)
            or value.encode("latin-1", "ignore") != (value.encode("latin-1", "replace"))
        ):
            raise InvalidOption(f"{where}: the header {name!r} must be one line of Latin-1 text, not {value!r}")
        pairs.append((lower, value))
    return tuple(pairs)


def _pairs(given: Any, where: str) -> Iterable[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        return given.items()
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        pairs = [tuple(pair) if isinstance(pair, Sequence) else () for pair in given]
        if all(len(pair) == 2 for pair in pairs):
            return [(pair[0], pair[1]) for pair in pairs]
    raise InvalidOption(f"{where} must be a mapping, or pairs of a name and a value")


def _encoded(given: Any, where: str) -> str:
    """Names and values as a query string or a form."""
    flat: list[tuple[str, str]] = []
    for name, value in _pairs(given, f"{where}: query"):
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        flat += [(str(name), _told(one, where)) for one in several]
    return urlencode(flat)


def _told(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | set | bytes):
        raise InvalidOption(f"{where}: {value!r} is not a value of a query or a form")
    return "" if value is None else str(value)


def _quoted_query(text: str) -> str:
    return quote(text, safe=_SAFE_IN_PATH + "?[]")
