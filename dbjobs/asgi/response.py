"""What an application has answered, as it is stored."""

from __future__ import annotations

from typing import Any

import msgspec

from dbjobs.asgi.request import Pairs

# A job's history is no place for the session of a user.
_NOT_KEPT = ("set-cookie",)


class ApiResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of an application to an API job: ``job.response`` of one that completed.

    Attributes:
        status: the HTTP status, 200 to 399.
        headers: names in lower case, and values; ``set-cookie`` is not kept.
    """

    status: int
    headers: Pairs = ()
    json_body: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="json", default=msgspec.UNSET)
    text_body: str = msgspec.field(name="text", default="")
    data: bytes = b""

    @property
    def body(self) -> bytes:
        """The body; empty if it was not kept (``keep_body=False``)."""
        if isinstance(self.json_body, msgspec.Raw):
            return bytes(self.json_body)
        return self.data or self.text_body.encode()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, decoded.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise ValueError(f"the body of this response is not JSON: {error}") from None

    def header(self, name: str) -> str | None:
        """The value of a header, whatever its capitals; None without it."""
        return next((value for key, value in self.headers if key == name.lower()), None)


def make_response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ApiResponse:
    """What is stored of an answer: JSON as it is, other text as text, anything else as bytes."""
    pairs = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    kept = tuple(pair for pair in pairs if pair[0] not in _NOT_KEPT)
    kind = next((value for name, value in pairs if name == "content-type"), "").partition(";")[0].strip().lower()
    if not body:
        return ApiResponse(status=status, headers=kept)
    if (kind == "application/json" or kind.endswith("+json")) and _is_json(body):
        return ApiResponse(status=status, headers=kept, json_body=msgspec.Raw(body))
    try:
        return ApiResponse(status=status, headers=kept, text_body=body.decode())
    except UnicodeDecodeError:
        return ApiResponse(status=status, headers=kept, data=body)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
