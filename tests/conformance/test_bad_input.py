"""Bad input gives one clear error that names the thing, and loses no job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dbjobs import InvalidOption, InvalidRequest, Jobs, JobState, PayloadTooLarge
from tests.conformance.helpers import nodes, wait_all, whole_list


@dataclass
class Order:
    number: int


async def ship(request: Order) -> int:
    return request.number


@pytest.mark.once
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (object(), "a value of type object cannot be written as JSON"),
        ({"number": "many"}, "does not fit its declared type"),
        ({}, "does not fit its declared type"),
        (5, "does not fit its declared type"),
        (None, "does not fit its declared type"),
        ({"number": {1j}}, "cannot be serialised"),
        ("\ud800", "cannot be serialised"),
    ],
    ids=["no JSON", "wrong type", "missing field", "no object", "nothing", "no JSON within", "lone surrogate"],
)
async def test_a_request_that_cannot_be_stored_is_refused(jobs: Jobs, request_: Any, words: str) -> None:
    jobs.command(ship)
    async with jobs:
        with pytest.raises(InvalidRequest, match=words):
            await jobs.enqueue(ship, request_)
        assert await jobs.list() == []


@pytest.mark.once
async def test_a_request_for_a_command_that_takes_none_is_refused(jobs: Jobs) -> None:
    @jobs.command
    async def tick() -> None: ...

    async with jobs:
        with pytest.raises(InvalidRequest, match="'tick' takes no request"):
            await jobs.enqueue(tick, 5)  # type: ignore[arg-type]


@pytest.mark.once
async def test_a_request_that_contains_itself_is_refused(jobs: Jobs) -> None:
    @jobs.command
    async def anything(request: Any) -> None: ...

    endless: list[Any] = []
    endless.append(endless)
    async with jobs:
        with pytest.raises(InvalidRequest, match="'anything' cannot be serialised"):
            await jobs.enqueue(anything, endless)


@pytest.mark.about_us
async def test_a_payload_over_the_limit_is_refused_with_both_sizes(url: str) -> None:
    jobs = Jobs(url, max_payload_bytes=100)

    @jobs.command
    async def echo(request: str) -> str:
        return request * 2

    async with jobs.start():
        with pytest.raises(PayloadTooLarge, match=r"'echo' has 101 bytes .* limit is 100"):
            await jobs.enqueue(echo, "x" * 99)
        with pytest.raises(PayloadTooLarge):
            await jobs.enqueue_many(echo, ["x", "x" * 99])
        assert await jobs.list() == []
        done = await jobs.wait(await jobs.enqueue(echo, "x" * 98), timeout=10)
    assert (done.state, done.error_code, done.attempt) == (JobState.FAILED, "PayloadTooLarge", 1)
    assert "the response of 'echo' has 198 bytes" in (done.error or "")


async def test_a_payload_of_a_megabyte_is_kept_whole(jobs: Jobs) -> None:
    @jobs.command
    async def echo(request: str) -> str:
        return request

    text = "ü" * 500_000
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(echo, text), timeout=20)
    assert done.request == done.response == text


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_request_that_no_longer_decodes_fails_its_job_once(url: str, worker: str | None) -> None:
    """The type has changed since the enqueue: trying again would not help; the job is kept and can be requeued."""

    async def new_ship(request: int) -> int:
        return request

    async with Jobs(url) as old:
        old.command(ship)
        ref = await old.enqueue(ship, Order(5), retry_limit=5, worker=worker)
        after = await old.enqueue(ship, Order(6), worker=worker)
    async with nodes(url, 1, lambda jobs: jobs.command(name="ship")(new_ship)) as (jobs,):
        failed, _ = await wait_all(jobs, [ref, after])
        assert (failed.state, failed.error_code, failed.attempt) == (JobState.FAILED, "InvalidRequest", 1)
        assert "the request of 'ship' does not fit its declared type" in (failed.error or "")
        assert failed.request == {"number": 5}
    async with nodes(url, 1, lambda jobs: jobs.command(ship)) as (jobs,):
        assert await jobs.requeue(ref)
        assert (await jobs.wait(ref, timeout=10)).response == 5


@pytest.mark.once
@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 0},
        {"concurrency": "many"},
        {"threads": 0},
        {"lease_seconds": 0.5},
        {"grace_seconds": -1},
        {"stall_seconds": 0},
        {"retention_months": 0},
        {"unresponsive_seconds": "soon"},
    ],
    ids=str,
)
async def test_settings_of_a_node_that_make_no_sense_are_refused_by_name(jobs: Jobs, settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(InvalidOption, match=name):
        async with jobs.start(**settings):
            pass


@pytest.mark.once
@pytest.mark.parametrize(
    "settings",
    [{"retry_limit": -1}, {"timeout": "1h"}, {"max_payload_bytes": 0}, {"schema": "My Schema"}, {"schema": "a;b"}],
    ids=str,
)
def test_settings_of_an_application_that_make_no_sense_are_refused_by_name(url: str, settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(InvalidOption, match=name):
        Jobs(url, **settings)


async def test_two_applications_share_a_database_under_different_schemas(url: str) -> None:
    async with Jobs(url) as one, Jobs(url, schema="other_jobs") as two:
        for jobs in (one, two):
            jobs.command(ship)
        ref = await one.enqueue(ship, Order(1), ref_id="same")
        await two.enqueue(ship, Order(2), ref_id="same")
        async with two.start():
            other = await two.get_by_ref_id("same")
            assert other is not None
            assert (await two.wait(other.id, timeout=10)).response == 2
        assert len(await whole_list(one)) == len(await whole_list(two)) == 1
        job = await one.get(ref)
        assert job is not None
        assert job.state is JobState.QUEUED
