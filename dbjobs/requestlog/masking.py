"""Takes secrets out of what a request carries, before it leaves the request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from dbjobs.requests import hash_of

MASK = "***"

# Of a name without its case, dashes and underscores: what makes it a secret wherever it stands in it ...
_ANYWHERE = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "authorization", "credential", "privatekey",
    "cookie", "session", "signature", "cvv", "cvc", "cardnumber", "creditcard", "bearer", "jwt",
)  # fmt: skip
# ... and what does so alone.
_ALONE = frozenset({"auth", "xauth", "basicauth", "key", "otp", "pin", "sig", "ssn", "iban", "pass"})
_NOISE = re.compile(r"[^a-z0-9]+")
_LOGIN = re.compile(r"(?<=//)[^/?#@]*@")
_HEADERS_WITH_URLS = frozenset({"referer", "location", "content-location", "origin", "link", "refresh"})
# In a text without a form of its own: name=value, name: value, <name>value. A value in quotes goes whole, blanks
# included, and one between tags, too. No part may run on without a bound where it can fail: the text is anybody's.
_IN_TEXT = re.compile(
    r"((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|authorization|credential|cookie)[\w-]{0,60}"
    r"\\{0,4}[\"']?\s{0,20}[=:>]\s{0,20}\\{0,4}(?:[\"']?(?:bearer|basic)\s{1,20})?)"
    r"(?:(?<=>)[^<\n]+|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[^\s\"'<&,;]+)",
    re.IGNORECASE,
)


class Masks:
    """What is secret, by name.

    Args:
        more: further names, as the application has them.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._more = frozenset(_plain(name) for name in more)
        self.is_secret = lru_cache(maxsize=4096)(self._is_secret)

    def _is_secret(self, name: str) -> bool:
        plain = _plain(name)
        return plain in _ALONE or plain in self._more or any(part in plain for part in _ANYWHERE)

    def _hides(self, key: str) -> bool:
        """Whether a member of an object is secret; "key" is the name of a pair as often as one."""
        return key != "key" and self.is_secret(key)

    def query(self, query: str) -> str:
        """A query string or a form, with the values of secret names masked; all else as it was."""
        return "&".join([self._pair(pair) for pair in query.split("&")]) if "=" in query else query

    def _pair(self, pair: str) -> str:
        name, equals, _ = pair.partition("=")
        return f"{name}={MASK}" if equals and self.is_secret(unquote_plus(name)) else pair

    def url(self, url: str) -> str:
        """A URL without its login, and with secrets in its query and fragment masked."""
        url = _LOGIN.sub("", url, count=1)
        url, hash_, fragment = url.partition("#")
        path, mark, query = url.partition("?")
        return path + mark + self.query(query) + hash_ + self.query(fragment)

    def headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
        """Headers as text; of a secret one only the name, and of Authorization the scheme."""
        return [self._header(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]

    def _header(self, name: str, value: str) -> tuple[str, str]:
        if self.is_secret(name):
            scheme, space, _ = value.partition(" ")
            told = name.endswith("authorization") and space and scheme.isalpha()
            return name, f"{scheme} {MASK}" if told else MASK
        return name, self.url(value) if name in _HEADERS_WITH_URLS else value

    def text(self, text: str) -> str:
        """A text of no known form (an error's), with what looks like a named secret masked."""
        return _IN_TEXT.sub(rf"\1{MASK}", text)

    def body(self, body: bytes, total: int, content_type: str, encoding: str) -> str | None:
        """A body as text, with secrets masked; a note instead of it where secrets could not be told from the rest.

        Args:
            body: what was kept of it.
            total: its size in bytes: if that is more, it was cut.
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
            # {"name": "password", "value": "..."}: a form as a list of fields.
            named = value.get("name", value.get("key"))
            hidden = isinstance(named, str) and self.is_secret(named)
            return {
                key: MASK if (hidden if key == "value" else self._hides(key)) else self._value(one)
                for key, one in value.items()
            }
        return [self._value(one) for one in value] if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def hashed(secret: str) -> str:
    """What stands for an API key or a session: always the same, and no way back to it."""
    return hash_of(secret)


def _plain(name: str) -> str:
    return _NOISE.sub("", name.lower())
