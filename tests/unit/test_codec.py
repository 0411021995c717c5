"""Requests and responses as JSON text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypedDict

import msgspec
import pydantic
import pytest

from dbjobs import InvalidOption, InvalidRequest, PayloadTooLarge
from dbjobs.commands import codec


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


@dataclass
class Nested:
    models: list[Model]
    by_name: dict[str, Plain]


def test_models_inside_lists_dicts_and_records_are_read_back() -> None:
    value = Nested([Model(a=1)], {"b": Plain(2)})
    text = codec.encode(value, what="it", limit=100)
    assert codec.decode_request(codec.decoder(Nested, command="c"), text, command="c") == value
    assert codec.decode_request(codec.decoder(list[Model], command="c"), '[{"a":1}]', command="c") == [Model(a=1)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [None, x], lambda x: {"a": {"b": x}}, lambda x: Plain(x)])
def test_numbers_that_json_does_not_have_are_refused(number: float, wrap: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"the thing cannot be serialised: (nan|-?inf) is not a JSON number"):
        codec.encode(wrap(number), what="the thing", limit=1000)


def test_null_and_the_word_null_are_fine() -> None:
    assert codec.encode({"a": None, "b": "null"}, what="it", limit=100) == '{"a":null,"b":"null"}'


def test_a_type_without_a_decoder_is_refused_when_a_request_is_read() -> None:
    with pytest.raises(InvalidRequest, match="complex"):
        codec.decode_request(codec.decoder(list[complex], command="c"), "[1]", command="c")


def test_a_response_as_its_handler_declares_it_can_be_shown() -> None:
    assert codec.dumps_typed({"response": [Model(a=1)]}) == '{"response":[{"a":1}]}'


@pytest.mark.parametrize("kind", [Any, object, None, type(None), NoReturn], ids=str)
def test_what_says_nothing_of_a_response_leaves_it_alone(kind: Any) -> None:
    assert codec.response_decoder(kind) is None


@pytest.mark.parametrize(
    ("kind", "plain", "response"),
    [
        (str, "a", "a"),
        (float, 5, 5.0),
        (tuple[int, ...], [1, 2], (1, 2)),
        (Plain, {"a": 1}, Plain(1)),
        (Model, {"a": 1}, Model(a=1)),
        (list[Model] | None, [{"a": 1}], [Model(a=1)]),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (datetime, "2026-05-01T12:30:00", datetime(2026, 5, 1, 12, 30)),
    ],
    ids=str,
)
def test_a_response_is_read_as_its_declared_type(kind: Any, plain: Any, response: Any) -> None:
    decode = codec.response_decoder(kind)
    assert decode is not None
    assert decode(plain) == response
    assert type(decode(plain)) is type(response)
