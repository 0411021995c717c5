"""Versioned requests: what was stored in an old form is upgraded; a newer one is left to a node that knows it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import InvalidOption, InvalidRequest, Jobs, JobState
from dbjobs.testing import drain
from tests.conformance.helpers import state_of
from tests.conformance.test_versions import Mail, register_third


async def test_a_producer_names_the_version_that_it_writes(jobs: Jobs) -> None:
    register_third(jobs)
    producer = Jobs(jobs.url)
    producer.declare("send", version=2)
    async with producer, jobs.start():
        ref = await producer.enqueue("send", {"to": "a@b.c", "subject": "hello"})
        assert (await jobs.wait(ref, timeout=30)).response == "third: ['a@b.c'] hello"


async def test_a_callback_may_have_versions(jobs: Jobs) -> None:
    told: list[Mail] = []
    done = asyncio.Event()

    @jobs.command
    async def notify(request: Mail) -> None:
        told.append(request)
        done.set()

    @jobs.upcast(notify, from_version=1)
    def first(old: str) -> Mail:
        return Mail([old], "")

    @jobs.command
    async def work() -> Mail:
        return Mail(["a@b.c"], "done")

    async with jobs.start():
        ended = await jobs.wait(await jobs.enqueue(work, callback=notify), timeout=30)
    assert (ended.state, told) == (JobState.COMPLETED, [Mail(["a@b.c"], "done")])


def test_wrong_uses_are_refused() -> None:
    jobs = Jobs("sqlite:///never-opened.db")
    register_third(jobs)

    @jobs.command
    async def nothing() -> None: ...

    jobs.declare("elsewhere")

    def plain(old: Any) -> Any:
        return old

    async def awaited(old: Any) -> Any:
        return old

    for command, function, version, message in [
        ("send", plain, 1, "there is an upcast from version 1 already"),
        ("send", awaited, 3, "must be a plain function: it turns data into data"),
        ("send", 5, 3, "must be a function of the old request, not a int"),
        ("send", plain, 0, "from_version=0 must be a whole number between 1 and"),
        ("send", plain, True, "from_version=True must be a whole number"),
        (nothing, plain, 1, "command 'nothing': upcast: it takes no request"),
        ("elsewhere", plain, 1, "command 'elsewhere': upcast: it is only declared here"),
    ]:
        with pytest.raises(InvalidOption, match=message):
            jobs.upcast(command, from_version=version)(function)  # type: ignore[type-var]
    with pytest.raises(InvalidOption, match="version=0 must be a whole number"):
        jobs.declare("other", version=0)
    assert jobs.commands == ["send", "nothing"]
    assert jobs.stored_commands == ["send@3", "send@2", "send", "nothing"]


async def test_a_step_that_is_missing_is_refused_at_the_start() -> None:
    jobs = Jobs("sqlite:///never-opened.db")

    @jobs.command
    async def send(request: str) -> None: ...

    jobs.upcast(send, from_version=1)(str)
    jobs.upcast(send, from_version=3)(str)
    with pytest.raises(InvalidOption, match="there is no upcast from version 2, so older requests have no way to ver"):
        async with jobs.start():
            pass


async def test_a_request_of_todays_version_is_checked_as_ever(jobs: Jobs) -> None:
    register_third(jobs)
    async with jobs:
        with pytest.raises(InvalidRequest, match="does not fit its declared type Mail"):
            await jobs.enqueue("send", "a@b.c")


async def test_steps_are_taken_out_when_no_old_job_is_left(jobs: Jobs) -> None:
    @jobs.command(version=2)
    async def send(request: Mail) -> str:
        return request.subject

    other = Jobs(jobs.url)
    register_third(other)
    async with jobs, other:
        ref = await jobs.enqueue(send, Mail(["a@b.c"], "two"))
        newer = await other.enqueue("send", Mail(["a@b.c"], "three"))
        [done] = await drain(jobs)
        assert (done.id, done.command, done.response) == (ref.id, "send@2", "two")
        assert await state_of(jobs, newer) is JobState.QUEUED
    assert jobs.stored_commands == ["send@2"]
    jobs.command(name="send@3")(send)
    with pytest.raises(InvalidOption, match="its version has the name of another command, 'send@3'"):
        jobs.upcast("send", from_version=2)(lambda old: old)
