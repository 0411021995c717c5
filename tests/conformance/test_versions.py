"""Versioned requests: what was stored in an old form is upgraded; a newer one is left to a node that knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dbjobs import Jobs, JobState, Where
from dbjobs.engine import dispatcher
from tests.conformance.helpers import eventually, nodes, state_of, wait_all

pytestmark = pytest.mark.about_us


@dataclass
class Mail:
    to: list[str]
    subject: str


@dataclass
class SecondMail:
    to: str
    subject: str


def register_first(jobs: Jobs) -> None:
    """The application as it was at first: a request is a text."""

    @jobs.command
    async def send(request: str) -> str:
        return f"first: {request}"


def register_third(jobs: Jobs) -> None:
    """The same two deploys later."""

    @jobs.command(tag="mail")
    async def send(request: Mail) -> str:
        return f"third: {request.to} {request.subject}"

    @jobs.upcast("send", from_version=2)
    def second(old: SecondMail) -> Mail:
        return Mail([old.to], old.subject)

    @jobs.upcast(send, from_version=1)
    def first(old: str) -> dict[str, Any]:
        if not old:
            raise ValueError("nobody to send it to")
        return {"to": old, "subject": "(none)"}


async def test_an_old_request_goes_through_every_step(jobs: Jobs, url: str) -> None:
    old = Jobs(url)
    register_first(old)
    register_third(jobs)
    async with old:
        first = [await old.enqueue("send", "a@b.c"), await old.enqueue("send", "d@e.f", worker="lane")]
        unfit = await old.enqueue("send", "")
    async with jobs:
        waiting = await jobs.get(first[0])
        assert waiting is not None  # where the command is known, its request is of today's version
        assert waiting.request_as(Mail) == Mail(["a@b.c"], "(none)")
    async with jobs.start():
        done = await wait_all(jobs, [*first, await jobs.enqueue("send", Mail(["g@h.i"], "hello"))])
        failed = await jobs.wait(unfit, timeout=30)
        assert [job.response for job in done] == [
            "third: ['a@b.c'] (none)",
            "third: ['d@e.f'] (none)",
            "third: ['g@h.i'] hello",
        ]
        assert [(job.command, job.tag) for job in done] == [("send", None), ("send", None), ("send@3", "mail")]
        # What cannot be upgraded is kept, with its reason.
        assert (failed.state, failed.error_code) == (JobState.FAILED, "InvalidRequest")
        assert "nobody to send it to" in (failed.error or "")
        # A command's list has all its versions, newest first, page by page.
        ids = [job.id for job in [*done, failed]]
        page = await jobs.list(command="send", limit=3)
        rest = await jobs.list(command="send", limit=3, before_id=page[-1].id)
        assert [job.id for job in (*page, *rest)] == sorted(ids, reverse=True)
        # And so has a search, a cancellation, a requeue.
        for search in ({"command": "send"}, {"command": ["send"]}, {"any_of": [{"command": "send"}, {"tag": "no"}]}):
            assert [job.id for job in (await jobs.find(**search)).jobs] == sorted(ids, reverse=True)
        for other in (Where.other("send"), Where.unless("send")):
            assert (await jobs.find(command=other)).jobs == ()
        assert [job.id for job in (await jobs.find(command="send@3")).jobs] == [done[2].id]
        for _ in range(2):
            await jobs.enqueue("send", Mail(["x"], "y"), run_after=3600)
        assert await jobs.cancel_many(command="send", preview=True) == 2
        assert (await jobs.bulk.preview("cancel", command="send")).count == 2
        assert await jobs.cancel_many(command="send") == 2
        assert await jobs.requeue_many(command="send", preview=True) == 3
        assert await jobs.requeue_many(command="send", tag="mail") == 2
        assert await jobs.requeue_many(command="send") == 1
        # One of an old version is run once more in today's.
        for old_one in (done[0], done[2]):
            again = await jobs.wait(await jobs.replay(old_one.id), timeout=30)
            assert (again.command, again.response) == ("send@3", old_one.response)


async def test_a_newer_request_is_left_to_a_node_that_knows_it(
    url: str, jobs: Jobs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "UNKNOWN_SECONDS", 0.1)
    register_first(jobs)
    new = Jobs(url)
    register_third(new)
    async with new, jobs.start():
        ref = await new.enqueue("send", Mail(["a@b.c"], "new"))
        await jobs.wait(await jobs.enqueue("send", "old"), timeout=30)
        await eventually(lambda: "command 'send@3' is not registered on this node" in caplog.text, "it is reported")
        assert await state_of(jobs, ref) is JobState.QUEUED
        async with nodes(url, 1, register_third):
            done = await new.wait(ref, timeout=30)
    assert (done.response, done.attempt, done.errors) == ("third: ['a@b.c'] new", 1, ())
