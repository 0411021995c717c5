"""A request of any supported type reaches the handler as that type, and a response comes back as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from dbjobs import Jobs, JobState

pytestmark = pytest.mark.about_us


@dataclass
class Point:
    x: int
    y: int = 2


@dataclass
class Parcel:
    to: str
    points: list[Point] = field(default_factory=list)


class Struct(msgspec.Struct):
    name: str
    at: datetime


class Model(pydantic.BaseModel):
    name: str
    day: date


class Typed(TypedDict):
    name: str
    count: int


UUID_1 = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)

CASES: list[tuple[Any, Any]] = [
    (Point, Point(1)),
    (Parcel, Parcel("b", [Point(1), Point(3, 4)])),
    (Struct, Struct("n", NOON)),
    (Model, Model(name="m", day=date(2024, 2, 29))),
    (Typed, {"name": "t", "count": 3}),
    (dict[str, int], {"a": 1}),
    (list[str], ["ä", "\U0001f600", "a\0b"]),
    (str, "text with 'quotes', \\ and \n"),
    (int, -(2**62)),
    (float, 0.1),
    (bool, False),
    (Decimal, Decimal("1.10")),
    (UUID, UUID_1),
    (bytes, b"\x00\xff"),
    (int | None, None),
    (Any, {"free": [1, None, {"deep": True}]}),
]


def has_nul(value: Any) -> bool:
    return "\0" in value if isinstance(value, str) else isinstance(value, list) and any(map(has_nul, value))


@pytest.mark.parametrize(("kind", "request_"), CASES, ids=lambda value: getattr(value, "__name__", None) or "value")
async def test_a_request_arrives_as_its_declared_type(
    jobs: Jobs, kind: Any, request_: Any, request: pytest.FixtureRequest
) -> None:
    if has_nul(request_):
        request.getfixturevalue("no_nul_in_json")
    received: list[Any] = []

    async def handler(request: Any) -> None:
        received.append(request)

    handler.__annotations__["request"] = kind
    jobs.command(handler)
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(handler, request_), timeout=10)
    assert (done.state, done.error) == (JobState.COMPLETED, None)
    assert received == [request_]
    assert type(received[0]) is type(request_)


@pytest.mark.once
async def test_a_dict_that_fits_is_as_good_as_the_declared_type(jobs: Jobs) -> None:
    received: list[Point] = []

    @jobs.command
    async def draw(request: Point) -> None:
        received.append(request)

    async with jobs.start():
        await jobs.wait(await jobs.enqueue("draw", {"x": 5}), timeout=10)
    assert received == [Point(5, 2)]


async def test_the_stored_job_shows_its_request_as_json_and_its_type(jobs: Jobs) -> None:
    @jobs.command
    async def draw(request: Point) -> None: ...

    async with jobs:
        job = await jobs.get(await jobs.enqueue(draw, Point(1)))
    assert job is not None
    assert job.request == {"x": 1, "y": 2}
    assert job.request_name == "Point"


@pytest.mark.parametrize(
    ("response", "stored"),
    [
        (None, None),
        ("250 OK", "250 OK"),
        (0, 0),
        (False, False),
        ("", ""),
        ([], []),
        ({"a": [1, None]}, {"a": [1, None]}),
        (Point(1), {"x": 1, "y": 2}),
        (Model(name="m", day=date(2024, 1, 1)), {"name": "m", "day": "2024-01-01"}),
        ("a\0b", "a\0b"),
    ],
    ids=repr,
)
async def test_a_response_is_kept_with_the_job(
    jobs: Jobs, response: Any, stored: Any, request: pytest.FixtureRequest
) -> None:
    if has_nul(response):
        request.getfixturevalue("no_nul_in_json")

    @jobs.command
    async def answer() -> Any:
        return response

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(answer), timeout=10)
    assert (done.state, done.response) == (JobState.COMPLETED, stored)
