"""What a status means, what Retry-After asks for, and which fields an answer complains of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from dbjobs.asgi.response import ApiResponse, make_response
from dbjobs.asgi.status import details, failure, field_errors, retry_after_seconds

AGAIN = {408, 423, 425, 429, *range(500, 600)}


def answer(status: int, content: Any = None, **headers: str) -> ApiResponse:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if content is None:
        return make_response(status, pairs, b"")
    return make_response(status, [*pairs, (b"content-type", b"application/json")], msgspec.json.encode(content))


def test_every_status_is_a_success_or_tried_again_or_final() -> None:
    for status in range(200, 600):
        error = failure(answer(status))
        if status < 400:
            assert error is None, status
        else:
            assert error is not None
            assert (error.status, error.retry) == (status, status in AGAIN)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, None, None),
        ("120", None, 120.0),
        (" 0 ", None, 0.0),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("٣", None, None),
        ("9" * 400, None, 999_999_999_999.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None, 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:47:37 GMT", 120.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:47:37 GMT", 120.0),
        ("Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:47:37 GMT", 120.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "no date", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, date) == seconds


def test_a_date_without_a_date_header_is_by_our_clock() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    found = retry_after_seconds(until)
    assert found is not None
    assert 60 < found <= 100


def test_retry_after_counts_only_where_the_job_is_tried_again() -> None:
    for status, seconds in [(429, 7.0), (503, 7.0), (404, None)]:
        error = failure(answer(status, retry_after="7"))
        assert error is not None
        assert error.retry_after_seconds == seconds


FASTAPI = {"detail": [{"type": "missing", "loc": ["body", "items", 0, "sku"], "msg": "Field required", "input": {}}]}
LITESTAR = {
    "status_code": 400,
    "detail": "Validation failed for POST /",
    "extra": [{"message": "Expected `int`", "key": "age", "source": "body"}],
}
PROBLEM = {"title": "bad", "errors": [{"detail": "too long", "pointer": "#/name"}]}
PLAIN = {"errors": {"email": ["is missing", "is wrong"], "age": "no"}}


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (FASTAPI, {"body.items.0.sku": "Field required"}),
        (LITESTAR, {"body.age": "Expected `int`"}),
        (PROBLEM, {"#/name": "too long"}),
        (PLAIN, {"email": "is missing; is wrong", "age": "no"}),
        ({"detail": "no"}, {}),
        ({"detail": [1, None, {"msg": 5}]}, {}),
        (["x"], {}),
    ],
)
def test_fields_are_found_as_frameworks_write_them(content: Any, fields: dict[str, str]) -> None:
    assert field_errors(answer(422, content)) == fields
    assert field_errors(answer(400, content)) == fields
    assert field_errors(answer(500, content)) == {}


def test_the_error_says_what_the_answer_says() -> None:
    assert str(failure(answer(422, FASTAPI))).endswith(": body.items.0.sku: Field required")
    assert str(failure(answer(404, {"detail": "no such order"}))) == "HTTP 404 Not Found: no such order"
    assert str(failure(answer(500))) == "HTTP 500 Internal Server Error"
    assert str(failure(make_response(599, [], b"\xff\0oops"))) == "HTTP 599: \ufffd\\0oops"


def test_what_is_kept_of_an_answer_is_bounded() -> None:
    kept = details(answer(422, {"errors": {f"f{number}": "m" * 2000 for number in range(1000)}}))
    assert len(kept["body"]) <= 4000
    assert len(kept["fields"]) == 50
    assert all(len(text) <= 500 for text in kept["fields"].values())


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", b'{"a":  1.0,\n"b": null}'),
        ("application/json", b"{broken"),
        ("application/problem+json; charset=utf-8", b"[1]"),
        ("text/html", "<p>ä</p>".encode()),
        ("text/plain", b"\xff\xfe\0"),
        ("application/octet-stream", bytes(range(256))),
    ],
)
def test_a_body_comes_back_from_the_database_to_the_byte(kind: str, content: bytes) -> None:
    stored = msgspec.json.encode(make_response(200, [(b"Content-Type", kind.encode())], content))
    back = msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(stored)), type=ApiResponse)
    assert msgspec.json.decode(stored, type=ApiResponse).body == content
    if not kind.startswith("application/json"):
        assert back.body == content
