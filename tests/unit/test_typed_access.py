"""A stored job's request and response as types; labels of commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pydantic
import pytest

from dbjobs import InvalidOption, InvalidRequest, InvalidResponse, Jobs


@dataclass
class Order:
    number: int
    at: datetime


class Receipt(msgspec.Struct):
    number: int


class Model(pydantic.BaseModel, strict=True):
    number: int
    at: datetime


async def test_a_request_and_a_response_come_as_the_type_that_is_asked_for(jobs: Jobs) -> None:
    @jobs.command
    async def buy(request: Order) -> Receipt:
        return Receipt(request.number)

    at = datetime(2031, 5, 1, tzinfo=UTC)
    elsewhere = Jobs(jobs.url)  # which knows nothing of the command
    async with jobs.start(), elsewhere:
        ref = await jobs.enqueue(buy, Order(7, at))
        here = await jobs.wait(ref, timeout=30)
        there = await elsewhere.get(ref)
    assert there is not None
    for job in (here, there):
        assert job.request_as(Order) == Order(7, at)
        assert job.request_as(Model) == Model(number=7, at=at)
        assert job.response_as(Receipt) == Receipt(7)
        assert job.response_as(dict[str, int]) == {"number": 7}
        with pytest.raises(InvalidRequest, match=rf"job {job.id} \(buy\): its request does not fit list"):
            job.request_as(list[int])
        with pytest.raises(InvalidResponse, match=rf"job {job.id} \(buy, completed\): its response does not fit"):
            job.response_as(Model)


def test_commands_are_found_by_their_tags() -> None:
    jobs = Jobs("sqlite:///never-opened.db")

    @jobs.command(tags=["mail", "billing"])
    async def send_invoice() -> None: ...

    @jobs.command(tags=("mail",))
    async def send_news() -> None: ...

    assert jobs.tagged("mail") == ["send_invoice", "send_news"]
    assert jobs.tagged("billing", "mail") == ["send_invoice"]
    assert jobs.tagged("other") == []
    for tags, message in [("mail", "must be a list of texts"), ([5], "each must be a string"), ([""], "not be empty")]:
        with pytest.raises(InvalidOption, match=message):
            jobs.command(name="wrong", tags=tags)(send_news)  # type: ignore[arg-type]
