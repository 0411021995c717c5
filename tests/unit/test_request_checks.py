"""A request is checked where it is given: what is stored decodes to an equal value of the declared type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from dbjobs import InvalidRequest
from dbjobs.commands.registry import Registry, base_row


@dataclass
class SendEmail:
    to: str
    subject: str = "hello"


@dataclass
class Invite:
    to: str


class Letter(msgspec.Struct):
    to: str


class Parcel(pydantic.BaseModel):
    to: str


class Card(TypedDict):
    lines: list[int]


@dataclass
class Urgent(SendEmail):
    level: int = 1


def stored(kind: Any, request: Any) -> str | None:
    def handler(request: Any) -> None: ...

    handler.__annotations__["request"] = kind
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    command = registry.add(handler, name="c", process=False, should_retry=None, defaults={})
    return command.encode_request(request, 1000)


@pytest.mark.parametrize(
    ("kind", "request_", "text"),
    [
        (SendEmail, SendEmail("a", "b"), '{"to":"a","subject":"b"}'),
        (SendEmail, {"to": "a"}, '{"to":"a"}'),
        (Letter, Letter("a"), '{"to":"a"}'),
        (Parcel, Parcel(to="a"), '{"to":"a"}'),
        (Parcel, {"to": "a"}, '{"to":"a"}'),
        (Card, {"lines": (1, 2)}, '{"lines":[1,2]}'),
        (SendEmail | None, None, None),
        (SendEmail | None, SendEmail("a"), '{"to":"a","subject":"hello"}'),
        (float, 5, "5"),
        (tuple[int, ...], [1], "[1]"),
        (Any, Invite("a"), '{"to":"a"}'),
    ],
)
def test_what_fits_is_stored(kind: Any, request_: Any, text: str | None) -> None:
    assert stored(kind, request_) == text


@pytest.mark.parametrize(
    ("kind", "request_", "message"),
    [
        (SendEmail, SendEmail(to=5), "does not fit its declared type SendEmail: Expected `str`, got `int`"),  # type: ignore[arg-type]
        (SendEmail, Invite("a"), "must be SendEmail, not Invite"),
        (SendEmail, Letter("a"), "must be SendEmail, not Letter"),
        (Letter, Parcel(to="a"), "must be Letter, not Parcel"),
        (Parcel, Letter("a"), "must be Parcel, not Letter"),
        (SendEmail, Urgent("a"), "would not come back as it is"),
        (
            SendEmail,
            {"to": "a", "subjet": "b"},
            "key 'subjet', which SendEmail does not know; did you mean 'subject'",
        ),
        (Letter, {"to": "a", "zzz": 1}, "has the key 'zzz', which Letter does not know; the fields are to"),
        (SendEmail, None, "does not fit its declared type SendEmail: none was given"),
        (int, None, "does not fit its declared type int: none was given"),
        (Card, {"lines": ["x"]}, "does not fit its declared type Card"),
        (int, True, "does not fit its declared type int"),
    ],
)
def test_what_does_not_fit_is_named(kind: Any, request_: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        stored(kind, request_)
