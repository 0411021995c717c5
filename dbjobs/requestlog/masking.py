"""Removes secrets from a request's data before it leaves the request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from dbjobs.requests import hash_of

MASK = "***"

# A name, without case, dashes and underscores, is secret if it contains one of these ...
_ANYWHERE = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "authorization", "credential", "privatekey",
    "cookie", "session", "signature", "cvv", "cvc", "cardnumber", "creditcard", "bearer", "jwt",
)  # fmt: skip
# ... or equals one of these.
_ALONE = frozenset({"auth", "xauth", "basicauth", "key", "otp", "pin", "sig", "ssn", "iban", "pass"})
_NOISE = re.compile(r"[^a-z0-9]+")
_LOGIN = re.compile(r"(?<=//)[^/?#@]*@")
_HEADERS_WITH_URLS = frozenset({"referer", "location", "content-location", "origin", "link", "refresh"})
# In free text: name=value, name: value, <name>value. A quoted value is masked whole, blanks included, and so is one
# between tags. No part may repeat without a bound where it can fail: anybody can send the text.
_IN_TEXT = re.compile(
    r"((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|authorization|credential|cookie)[\w-]{0,60}"
    r"\\{0,4}[\"']?\s{0,20}[=:>]\s{0,20}\\{0,4}(?:[\"']?(?:bearer|basic)\s{1,20})?)"
    r"(?:(?<=>)[^<\n]+|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[^\s\"'<&,;]+)",
    re.IGNORECASE,
)


class Masks:
    """Knows which names are secret.

    Args:
        more: further names, from the application.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._more = frozenset(_plain(name) for name in more)
        self.is_secret = lru_cache(maxsize=4096)(self._is_secret)

    def _is_secret(self, name: str) -> bool:
        plain = _plain(name)
        return plain in _ALONE or plain in self._more or any(part in plain for part in _ANYWHERE)

    def _hides(self, key: str) -> bool:
        """Whether a member of an object is secret; "key" may just as well be the name in a name-value pair."""
        return key != "key" and self.is_secret(key)

    def query(self, query: str) -> str:
        """A query string or a form with the values of secret names masked; the rest is unchanged."""
        return "&".join([self._pair(pair) for pair in query.split("&")]) if "=" in query else query

    def _pair(self, pair: str) -> str:
        name, equals, _ = pair.partition("=")
        return f"{name}={MASK}" if equals and self.is_secret(unquote_plus(name)) else pair

    def url(self, url: str) -> str:
        """A URL without its login and with the secrets in its query and fragment masked."""
        url = _LOGIN.sub("", url, count=1)
        url, hash_, fragment = url.partition("#")
        path, mark, query = url.partition("?")
        return path + mark + self.query(query) + hash_ + self.query(fragment)

    def headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
        """Headers as text; only the name of a secret one, and of Authorization also the scheme."""
        return [self._header(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]

    def _header(self, name: str, value: str) -> tuple[str, str]:
        if self.is_secret(name):
            scheme, space, _ = value.partition(" ")
            told = name.endswith("authorization") and space and scheme.isalpha()
            return name, f"{scheme} {MASK}" if told else MASK
        return name, self.url(value) if name in _HEADERS_WITH_URLS else value

    def text(self, text: str) -> str:
        """Free text, such as an error's, with everything masked that looks like a named secret."""
        return _IN_TEXT.sub(rf"\1{MASK}", text)

    def body(self, body: bytes, total: int, content_type: str, encoding: str) -> str | None:
        """A body as text, with secrets masked; a note instead if we cannot tell secrets from the rest.

        Args:
            body: the part that was kept.
            total: its full size in bytes: if that is more, the body was cut.
            content_type, encoding: its headers.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if not total:
            return None
        if encoding not in ("", "identity"):
            return f"<{kind or 'body'}, {encoding}, {total} bytes>"
        if kind == "application/json" or kind.endswith("+json"):
            return self._json(body, total, kind)
        if kind == "application/x-www-form-urlencoded":
            form = body.decode("utf-8", "replace")
            return self.query(form if len(body) == total else form.rpartition("&")[0])
        if kind.startswith("text/") or kind.endswith(("xml", "javascript")):
            return self.text(body.decode("utf-8", "replace"))
        return f"<{kind or 'body'}, {total} bytes>"

    def _json(self, body: bytes, total: int, kind: str) -> str:
        if len(body) < total:
            return f"<{kind}, {total} bytes: too large to be kept>"
        try:
            return msgspec.json.encode(self._value(msgspec.json.decode(body))).decode()
        except (ValueError, RecursionError):
            return f"<{kind}, {total} bytes: cannot be read>"

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            # {"name": "password", "value": "..."}: a form, written as a list of fields.
            named = value.get("name", value.get("key"))
            hidden = isinstance(named, str) and self.is_secret(named)
            return {
                key: MASK if (hidden if key == "value" else self._hides(key)) else self._value(one)
                for key, one in value.items()
            }
        return [self._value(one) for one in value] if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def hashed(secret: str) -> str:
    """What we store for an API key or a session: always the same, with no way back."""
    return hash_of(secret)


def _plain(name: str) -> str:
    return _NOISE.sub("", name.lower())
