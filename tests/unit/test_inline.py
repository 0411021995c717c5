"""Inline mode: an enqueue runs its job at once, in the caller's task, without a database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import (
    Cancel,
    InvalidOption,
    InvalidRequest,
    JobContext,
    Jobs,
    JobState,
    NotRunning,
    RefIdExists,
    RetryAfter,
    UnknownJob,
)
from dbjobs.testing import assert_enqueued, assert_not_enqueued, drain, inline


@dataclass
class Mail:
    to: str


class Mailer:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def jobs() -> Jobs:
    return Jobs("postgresql://nobody@never-asked.invalid/db")


async def test_it_runs_in_the_callers_task_and_is_told_afterwards(jobs: Jobs) -> None:
    tasks: list[Any] = []
    told: list[str] = []

    @jobs.command(tag="mail")
    async def send(request: Mail, job: JobContext) -> Mail:
        tasks.append(asyncio.current_task())
        job.log(f"to {request.to}")
        job.progress(0.5, "half way")
        await job.enqueue(count, len(request.to), args={"a": "b"})
        return request

    @jobs.command
    def count(number: int, job: JobContext) -> list[int]:
        assert threading.current_thread() is not threading.main_thread()
        return [number, job.parent_id or 0]

    @jobs.command
    async def notify(request: Mail) -> None:
        told.append(request.to)

    async with inline(jobs) as ran:
        ref = await jobs.enqueue(send, Mail("a@b.c"), callback=notify, run_after=timedelta(days=1), meta={"x": 1})
        assert tasks == [asyncio.current_task()]  # by now
        assert told == ["a@b.c"]
        done = await jobs.wait(ref)
        assert (done.state, done.response, done.tag, done.meta) == (JobState.COMPLETED, Mail("a@b.c"), "mail", {"x": 1})
        assert (done.progress, done.status, done.attempt) == (0.5, "half way", 1)
        assert done.run_after is not None
        assert done.run_after - done.created_at == timedelta(days=1)
        child = ran.jobs[1]
        assert (child.command, child.response, child.parent_id, child.args) == (
            "count",
            [5, ref.id],
            ref.id,
            {"a": "b"},
        )
        assert ran.logs(ref) == ["to a@b.c"]
        assert [job.id for job in ran.jobs] == [1, 2]
        await assert_enqueued(jobs, send, request=Mail("a@b.c"), tag="mail", run_after=timedelta(days=1))
        await assert_enqueued(jobs, "count", request=5)
        await assert_not_enqueued(jobs, notify)
        assert len(await jobs.enqueue_many(count, [1, 2])) == 2
        async with jobs:  # an application's own block changes nothing
            await jobs.enqueue(count, 3)
    with pytest.raises(NotRunning, match="the database is not open"):
        await jobs.enqueue(count, 1)


async def test_an_error_comes_out_of_the_enqueue_or_is_recorded(jobs: Jobs) -> None:
    @jobs.command(retry_limit=5)
    async def fails(request: str) -> None:
        raise KeyError(request)

    @jobs.command(timeout=0.05)
    async def hangs() -> None:
        await asyncio.sleep(3600)

    async with inline(jobs) as ran:
        with pytest.raises(KeyError, match="order 5"):
            await jobs.enqueue(fails, "order 5")
        assert ran.jobs[0].state is JobState.FAILED
    async with inline(jobs, errors="record") as ran:
        failed = await jobs.wait(await jobs.enqueue(fails, "order 5"))
        timed_out = await jobs.wait(await jobs.enqueue(hangs))
        with pytest.raises(InvalidRequest):  # the caller's own mistake is never a job's
            await jobs.enqueue("fails", 5)
    assert (failed.state, failed.error_code, failed.error) == (JobState.FAILED, "KeyError", "KeyError: 'order 5'")
    [entry] = failed.errors
    assert "raise KeyError(request)" in (entry.traceback or "")
    assert (timed_out.error_code, timed_out.error) == ("timeout", "timed out after 0.05 s")


async def test_what_a_handler_says_of_its_end_is_no_error(jobs: Jobs) -> None:
    @jobs.command
    async def stops() -> None:
        raise Cancel("nothing to do")

    @jobs.command
    async def later() -> None:
        raise RetryAfter(60, "not yet")

    async with inline(jobs):
        stopped = await jobs.wait(await jobs.enqueue(stops))
        ref = await jobs.enqueue(later)
        waiting = await jobs.get(ref)
        with pytest.raises(NotRunning, match="is scheduled, and in inline mode nothing runs it later"):
            await jobs.wait(ref)
        assert await jobs.cancel(ref)
        assert not await jobs.cancel(ref)
    assert (stopped.state, stopped.error) == (JobState.CANCELLED, "nothing to do")
    assert waiting is not None
    assert (waiting.state, waiting.error) == (JobState.SCHEDULED, "not yet")


async def test_keys_and_dependencies_mean_what_they_do(jobs: Jobs) -> None:
    @jobs.command
    async def work(request: bool, job: JobContext) -> list[Any]:
        if not request:
            raise ValueError("no")
        return [parent.response for parent in await job.parents()]

    async with inline(jobs, errors="record"):
        first = await jobs.enqueue(work, True, ref_id="a")
        again = await jobs.enqueue(work, True, ref_id="a")
        assert (again.id, again.created) == (first.id, False)
        with pytest.raises(RefIdExists, match="ref_id 'a' is taken by job 1"):
            await jobs.enqueue(work, True, ref_id="a", on_conflict="raise")
        found = await jobs.get_by_ref_id("a")
        assert found is not None
        assert found.id == first.id
        assert await jobs.get_by_ref_id("b") is None
        child = await jobs.wait(await jobs.enqueue(work, True, depends_on="a"))
        assert child.response == [[]]
        failed = await jobs.enqueue(work, False)
        doomed = await jobs.wait(await jobs.enqueue(work, True, depends_on=failed))
        anyway = await jobs.wait(await jobs.enqueue(work, True, depends_on=failed, depends_on_policy="finished"))
        with pytest.raises(UnknownJob, match="depends_on names job 99, but there is no such job"):
            await jobs.enqueue(work, True, depends_on=99)
    assert (doomed.state, doomed.error) == (JobState.CANCELLED, "job 3, which it depends on, did not complete")
    assert anyway.state is JobState.COMPLETED


async def test_class_commands_get_what_they_ask_for(jobs: Jobs) -> None:
    closed: list[str] = []

    def mailer() -> Iterator[Mailer]:
        yield Mailer("real")
        closed.append("mailer")

    jobs.provide(Mailer, mailer)

    @jobs.command
    class Send:
        def __init__(self, mailer: Mailer) -> None:
            self.mailer = mailer

        async def run(self, request: Mail) -> str:
            return f"{self.mailer.name} {request.to}"

    async with inline(jobs):
        one = await jobs.wait(await jobs.enqueue(Send, Mail("a")))
        with jobs.override(Mailer, Mailer("fake")):
            two = await jobs.wait(await jobs.enqueue(Send, Mail("b")))
        assert closed == []
    assert (one.response, two.response, closed) == ("real a", "fake b", ["mailer"])


async def test_what_needs_a_database_is_refused_with_what_to_use(jobs: Jobs) -> None:
    jobs.declare("elsewhere")

    @jobs.command
    async def in_transaction(job: JobContext) -> None:
        async with job.transaction():
            pass

    @jobs.command
    def blocking() -> None:
        jobs.sync.enqueue("elsewhere")

    refused = pytest.raises(NotRunning, match=r"no database.*use temporary_database\(jobs\) and drain\(jobs\)")
    async with inline(jobs) as ran:
        for call in (
            lambda: jobs.enqueue(in_transaction),
            lambda: jobs.enqueue(blocking),
            jobs.list,
            jobs.counts,
            lambda: jobs.cancel_many(queue="default"),
            lambda: jobs.requeue(1),
        ):
            with refused:
                await call()
        with pytest.raises(InvalidOption, match="drain: in inline mode every job runs when it is enqueued"):
            await drain(jobs)
        with pytest.raises(InvalidOption, match="are run already, by its workers or inline"):
            async with inline(jobs):
                pass
        with refused:
            async with jobs.start():
                pass
        await jobs.enqueue("elsewhere", 5)
        assert ran.jobs[-1].state is JobState.QUEUED  # only others run it
    with pytest.raises(InvalidOption, match="inline: errors='ignore' must be 'raise' or 'record'"):
        async with inline(jobs, errors="ignore"):  # type: ignore[arg-type]
            pass


async def test_api_jobs_and_users_are_what_they_are_to_workers() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        status = 200 if scope["path"] == "/fine" else 422
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": str(scope.get("user")).encode()})

    jobs = Jobs("postgresql://nobody@never-asked.invalid/db", user_resolver=lambda id: f"user {id}")
    jobs.mount_api(application)

    @jobs.api
    async def send(request: Mail, job: JobContext) -> str:
        return f"{request.to} for {job.user}"

    async with inline(jobs, errors="record"):
        handled = await jobs.wait(await jobs.enqueue_api(Mail("a"), user_id="7"))
        fine = await jobs.wait(await jobs.enqueue_api("GET", "/fine", user_id="8"))
        refused = await jobs.wait(await jobs.enqueue_api("POST", "/other"))
    assert handled.response == "a for user 7"
    assert (fine.state, fine.response.status, fine.response.text) == (JobState.COMPLETED, 200, "user 8")
    assert (refused.state, refused.error_code, refused.errors[0].status) == (JobState.FAILED, "http_422", 422)
