"""Requests and responses as JSON text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from dbjobs import InvalidOption, InvalidRequest, PayloadTooLarge, codec


@dataclass
class Plain:
    a: int


class Struct(msgspec.Struct):
    a: int


class Model(pydantic.BaseModel):
    a: int


class Typed(TypedDict):
    a: int


@pytest.mark.parametrize("value", [Plain(1), Struct(1), Model(a=1), {"a": 1}])
def test_every_kind_of_record_is_the_same_json(value: Any) -> None:
    assert codec.encode(value, what="it", limit=100) == '{"a":1}'


@pytest.mark.parametrize(
    ("kind", "value"), [(Plain, Plain(1)), (Struct, Struct(1)), (Model, Model(a=1)), (Typed, {"a": 1})]
)
def test_and_is_read_back_as_its_kind(kind: Any, value: Any) -> None:
    assert codec.decode_request(codec.decoder(kind, command="c"), '{"a":1}', command="c") == value


def test_a_model_inside_a_record_is_written_too() -> None:
    assert codec.encode([Model(a=1)], what="it", limit=100) == '[{"a":1}]'


def test_none_stays_none() -> None:
    assert codec.encode(None, what="it", limit=0) is None
    assert codec.decode_request(codec.decoder(int | None, command="c"), None, command="c") is None


def test_the_limit_is_in_bytes_and_inclusive() -> None:
    assert codec.encode("ü", what="it", limit=4) == '"ü"'
    with pytest.raises(PayloadTooLarge, match="it has 4 bytes as JSON; the limit is 3"):
        codec.encode("ü", what="it", limit=3)


@pytest.mark.parametrize("value", [object(), {1j}, "\ud800", print])
def test_what_is_no_json_is_named(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="the thing cannot be serialised"):
        codec.encode(value, what="the thing", limit=1000)


@pytest.mark.parametrize("kind", [Plain, Struct, Model, Typed, int])
@pytest.mark.parametrize("body", [None, "{}", '{"a":"x"}', "[", '"text"'])
def test_text_that_does_not_fit_is_the_request_s_fault(kind: Any, body: str | None) -> None:
    with pytest.raises(InvalidRequest, match="the request of 'c' does not fit its declared type"):
        codec.decode_request(codec.decoder(kind, command="c"), body, command="c")


def test_a_type_that_cannot_be_decoded_is_refused_early() -> None:
    with pytest.raises(InvalidOption, match="command 'c'"):
        codec.decoder(int | dict[str, int] | Plain, command="c")
