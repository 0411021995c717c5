"""Requests and responses as JSON: dataclasses, msgspec Structs, TypedDicts, pydantic models, plain values."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import math
from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from dbjobs.errors import DbjobsError, InvalidOption, InvalidRequest, PayloadTooLarge

Decode = Callable[[str], Any]


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class _Attrs(Protocol):
    __attrs_attrs__: ClassVar[Any]


class _Pydantic(Protocol):
    def model_dump(self, *, mode: str) -> Any: ...


# Values that can be written as JSON, for type checkers.
Storable = (
    None
    | bool
    | int
    | float
    | str
    | bytes
    | bytearray
    | memoryview
    | Sequence[Any]
    | Set[Any]
    | Mapping[Any, Any]
    | datetime.date
    | datetime.time
    | datetime.timedelta
    | Decimal
    | Enum
    | UUID
    | msgspec.Struct
    | msgspec.Raw
    | _Dataclass
    | _Attrs
    | _Pydantic
)

_encoder = msgspec.json.Encoder()


def _enc_hook(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # pydantic
        return value.model_dump(mode="json")
    if isinstance(value, msgspec.Raw):  # JSON already
        return msgspec.json.decode(value)
    raise NotImplementedError(
        f"a value of type {type(value).__name__} cannot be written as JSON; give plain data, a dataclass or a model"
    )


_hooked = msgspec.json.Encoder(enc_hook=_enc_hook)


def encode(value: Any, *, what: str, limit: int, invalid: type[DbjobsError] = InvalidRequest) -> str | None:
    """JSON text of a request or response; None stays None.

    Args:
        what: names the value in errors, as in ``"request of send_email"``.
        limit: largest size in bytes.
        invalid: the error for one that cannot be written as JSON.

    Raises:
        InvalidRequest, InvalidResponse: not serialisable. PayloadTooLarge.
    """
    if value is None:
        return None
    try:
        data = _hooked.encode(value)
        text = data.decode()
        if b"null" in data:  # JSON has no NaN and no infinity: msgspec writes null for them
            refuse_non_finite(value)
    except Exception as error:  # the value's own methods may raise anything
        try:
            reason = str(error)
        except Exception:
            reason = type(error).__name__
        raise invalid(f"{what} cannot be serialised: {reason}") from error
    if len(data) > limit:
        raise PayloadTooLarge(
            f"{what} has {len(data)} bytes as JSON; the limit is {limit} (max_payload_bytes); "
            "store it elsewhere and pass a reference"
        )
    return text


def encode_exact(value: int | str | bool, limit: int) -> str | None:
    """JSON text of a value that is sure to come back equal; None if ``encode`` must check it."""
    try:
        data = _encoder.encode(value)
    except Exception:
        return None
    return data.decode() if len(data) <= limit else None


def check(request: Any, text: str, wanted: Any, decode: Decode, *, what: str) -> None:
    """Hold the stored text against the declared type: it must give back an equal value.

    Args:
        request: the value that was given: of the declared type, or plain data (a dict for a dataclass).
        text: its JSON.

    Raises:
        InvalidRequest: it is of another class, does not decode, or would come back as another value.
    """
    if _is_record(type(request)) and isinstance(wanted, type) and not isinstance(request, wanted):
        raise InvalidRequest(f"{what} must be {told(wanted)}, not {told(type(request))}")
    try:
        back = decode(text)
    except Exception as error:
        raise InvalidRequest(f"{what} does not fit its declared type {told(wanted)}: {error}") from error
    if isinstance(request, Mapping) and not isinstance(back, Mapping):
        _refuse_unknown_fields(request, back, what)
    elif not _same(back, request) and _hooked.encode(back).decode() != text:
        raise InvalidRequest(
            f"{what} would not come back as it is: {_short(request)} would be {_short(back)} "
            f"when the job runs (declared type: {told(wanted)})"
        )


def told(kind: Any) -> str:
    """A type's name for messages."""
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _is_record(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct) or hasattr(kind, "model_dump")


def _same(back: Any, request: Any) -> bool:
    try:
        return bool(back == request)
    except Exception:  # the application's own comparison: their JSON decides
        return False


def _refuse_unknown_fields(request: Mapping[Any, Any], back: Any, what: str) -> None:
    """A key that a dataclass or Struct does not know would be dropped without a word."""
    kind = type(back)
    if dataclasses.is_dataclass(kind):
        known = [field.name for field in dataclasses.fields(kind)]
    elif isinstance(back, msgspec.Struct):
        known = [*back.__struct_encode_fields__]
        if back.__struct_config__.tag_field:
            known.append(back.__struct_config__.tag_field)
    else:
        return  # pydantic has a rule of its own for them (extra=)
    for key in request:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(known)}"
            raise InvalidRequest(f"{what} has the key {key!r}, which {told(kind)} does not know; {hint}")


def refuse_non_finite(value: Any) -> None:
    """Refuse NaN and infinity anywhere in a value.

    Raises:
        ValueError.
    """
    _refuse_non_finite(msgspec.to_builtins(value, enc_hook=_enc_hook, str_keys=True))


def _refuse_non_finite(plain: Any) -> None:
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{plain} is not a JSON number")
    for item in plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list | tuple) else ():
        _refuse_non_finite(item)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _dec_hook(kind: Any, value: Any) -> Any:
    if hasattr(kind, "model_validate_json"):  # a pydantic model inside something else
        return kind.model_validate_json(_encoder.encode(value))
    raise NotImplementedError(f"a value of type {told(kind)} cannot be read from JSON")


def dumps(value: Any) -> str:
    """JSON text of the library's own plain data."""
    return _encoder.encode(value).decode()


def dumps_typed(value: Any) -> str:
    """JSON text of data in which a response may stand as its handler declares it."""
    return _hooked.encode(value).decode()


def decoder(wanted: Any, *, command: str) -> Decode:
    """A function that turns JSON text into ``wanted``.

    Raises:
        InvalidOption: the type is not one that can be decoded.
    """
    if wanted in (Any, object):
        return msgspec.json.decode
    if hasattr(wanted, "model_validate_json"):
        validate: Decode = wanted.model_validate_json
        return validate
    try:
        decode: Decode = msgspec.json.Decoder(wanted, dec_hook=_dec_hook).decode
    except (TypeError, NameError) as error:
        raise InvalidOption(f"command {command!r}: its request type {wanted!r} is not supported: {error}") from error
    return decode


def response_decoder(wanted: Any) -> Callable[[Any], Any] | None:
    """A function that turns a response, as decoded JSON, into the type that a handler declares to return.

    Returns:
        None if there is nothing to turn it into: no type is declared, or one that JSON cannot be read as.
    """
    if wanted in (Any, object, None, type(None)):
        return None
    try:
        decode = decoder(wanted, command="")
    except InvalidOption:
        return None
    return lambda plain: plain if type(plain) is wanted else decode(dumps(plain))


def decode_request(decode: Decode, body: str | None, *, command: str) -> Any:
    """The request of a job.

    Raises:
        InvalidRequest: the stored text does not fit the type that the command declares now.
    """
    try:
        return decode("null" if body is None else body)
    except Exception as error:  # msgspec and pydantic have different roots; both are the data's fault
        raise InvalidRequest(f"the request of {command!r} does not fit its declared type: {error}") from error
