"""Requests and responses as JSON: dataclasses, msgspec Structs, TypedDicts, pydantic models, plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dbjobs.errors import InvalidOption, InvalidRequest, PayloadTooLarge

Decode = Callable[[str], Any]

_encoder = msgspec.json.Encoder()


def _enc_hook(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # pydantic
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a value of type {type(value).__name__} cannot be written as JSON")


_hooked = msgspec.json.Encoder(enc_hook=_enc_hook)


def encode(value: Any, *, what: str, limit: int) -> str | None:
    """JSON text of a request or response; None stays None.

    Args:
        what: names the value in errors, as in ``"request of send_email"``.
        limit: largest size in bytes.

    Raises:
        InvalidRequest: not serialisable. PayloadTooLarge.
    """
    if value is None:
        return None
    try:
        data = _hooked.encode(value)
        text = data.decode()
    except Exception as error:  # the value's own methods may raise anything
        try:
            reason = str(error)
        except Exception:
            reason = type(error).__name__
        raise InvalidRequest(f"{what} cannot be serialised: {reason}") from error
    if len(data) > limit:
        raise PayloadTooLarge(f"{what} has {len(data)} bytes as JSON; the limit is {limit} (max_payload_bytes)")
    return text


def dumps(value: Any) -> str:
    """JSON text of plain data of ours."""
    return _encoder.encode(value).decode()


def decoder(wanted: Any, *, command: str) -> Decode:
    """A function that turns JSON text into ``wanted``.

    Raises:
        InvalidOption: the type is not one that can be decoded.
    """
    if wanted is Any:
        return msgspec.json.decode
    if hasattr(wanted, "model_validate_json"):
        validate: Decode = wanted.model_validate_json
        return validate
    try:
        decode: Decode = msgspec.json.Decoder(wanted).decode
    except (TypeError, NameError) as error:
        raise InvalidOption(f"command {command!r}: its request type {wanted!r} is not supported: {error}") from error
    return decode


def decode_request(decode: Decode, body: str | None, *, command: str) -> Any:
    """The request of a job.

    Raises:
        InvalidRequest: the stored text does not fit the type that the command declares now.
    """
    try:
        return decode("null" if body is None else body)
    except Exception as error:  # msgspec and pydantic have different roots; both are the data's fault
        raise InvalidRequest(f"the request of {command!r} does not fit its declared type: {error}") from error
