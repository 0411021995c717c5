"""After success the callback runs with the response; a failure in it repeats the callback, never the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState, UnknownCommand
from tests.conformance.helpers import Gate, nodes, state_of, stop_heartbeat, wait_all
from tests.conformance.raw import Raw

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)


async def test_a_callback_gets_the_response(jobs: Jobs) -> None:
    received: list[Any] = []

    @jobs.command
    async def body(request: int) -> int:
        return request * 2

    @jobs.command
    async def callback(request: int, job: JobContext) -> str:
        received.append((request, job.id, job.command))
        return "ignored"

    async with jobs.start():
        ref = await jobs.enqueue(body, 21, callback=callback)
        done = await jobs.wait(ref, timeout=10)
    assert received == [(42, ref.id, "body")]
    assert (done.state, done.response) == (JobState.COMPLETED, 42)


async def test_a_job_is_executed_while_its_callback_runs(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="callback")(gate)

    @jobs.command
    async def body() -> str:
        return "r"

    async with jobs.start():
        ref = await jobs.enqueue(body, callback="callback")
        child = await jobs.enqueue(body, depends_on=ref)
        await gate.wait_entered()
        job = await jobs.get(ref)
        assert job is not None
        assert (job.state, job.response) == (JobState.EXECUTED, "r")
        assert await state_of(jobs, child) is JobState.WAITING
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED
        assert (await jobs.wait(child, timeout=10)).state is JobState.COMPLETED


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_failed_callback_is_retried_without_the_body(jobs: Jobs, worker: str | None) -> None:
    calls: list[str] = []

    @jobs.command(retry_limit=2, retry=AT_ONCE)
    async def body() -> str:
        calls.append("body")
        return "r"

    @jobs.command
    async def callback(request: str) -> None:
        calls.append(f"callback {request}")
        if len(calls) < 4:
            raise ValueError("not yet")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(body, callback=callback, worker=worker), timeout=10)
    assert calls == ["body", "callback r", "callback r", "callback r"]
    assert (done.state, done.response) == (JobState.COMPLETED, "r")
    assert [error.code for error in done.errors] == ["ValueError"] * 2


async def test_a_callback_has_tries_of_its_own(jobs: Jobs) -> None:
    calls: list[str] = []

    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def body() -> None:
        calls.append("body")
        if len(calls) == 1:
            raise ValueError("body")

    @jobs.command
    async def callback() -> None:
        calls.append("callback")
        raise ValueError("callback")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(body, callback=callback), timeout=10)
    assert calls == ["body", "body", "callback", "callback"]
    assert (done.state, done.error) == (JobState.FAILED, "ValueError: callback")


async def test_a_callback_that_gives_up_fails_the_job_which_keeps_its_response(jobs: Jobs) -> None:
    seen: list[Any] = []

    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def body() -> str:
        return "r"

    @jobs.command
    async def callback(request: str) -> None:
        raise ValueError(request)

    @jobs.command
    async def dependent(request: None, job: JobContext) -> None:
        (parent,) = await job.parents()
        seen.append((parent.state, parent.error_code, parent.response))

    async with jobs.start():
        ref = await jobs.enqueue(body, callback=callback)
        doomed = await jobs.enqueue(dependent, depends_on=ref)
        indifferent = await jobs.enqueue(dependent, depends_on=ref, depends_on_policy="finished")
        done = await jobs.wait(ref, timeout=20)
        assert (done.state, done.error_code, done.error) == (JobState.FAILED, "callback_failed", "ValueError: r")
        assert (done.response, done.notified_at) == ("r", None)
        assert [error.code for error in done.errors] == ["ValueError", "ValueError"]
        assert (await jobs.wait(doomed, timeout=20)).state is JobState.CANCELLED
        assert (await jobs.wait(indifferent, timeout=20)).state is JobState.COMPLETED
        # Once it is requeued its callback runs anew, and fails it again.
        assert await jobs.requeue(ref)
        assert (await jobs.wait(ref, timeout=20)).error_code == "callback_failed"
    assert seen == [(JobState.FAILED, "callback_failed", "r")]


async def test_notified_at_says_when_the_callback_had_succeeded(jobs: Jobs, raw: Raw) -> None:
    @jobs.command
    async def body() -> None: ...

    @jobs.command
    async def in_transaction(job: JobContext) -> None:
        async with job.transaction():
            pass

    @jobs.command
    async def callback() -> None: ...

    async with jobs.start():
        with_callback = [await jobs.enqueue(command, callback=callback) for command in (body, in_transaction)]
        without = await jobs.enqueue(body)
        done = await wait_all(jobs, [*with_callback, without])
        for job in done[:2]:
            assert (job.state, job.notified_at) == (JobState.COMPLETED, job.completed_at)
        assert (done[2].state, done[2].notified_at) == (JobState.COMPLETED, None)
    if raw.dialect == "sqlite":  # its history is in a file for each month, which the close has filled
        path = Path(raw.path)
        month = path.with_name(f"{path.stem}-history-{done[0].created_at:%Y%m}.db")
        raw, table = Raw("sqlite", f"sqlite:///{month}"), "completed_job"
    else:
        table = "dbjobs.completed_job"
    rows = await raw.rows(f"SELECT id, notified_at FROM {table}")
    assert {id: moment is not None for id, moment in rows} == {
        with_callback[0].id: True,
        with_callback[1].id: True,
        without.id: False,
    }


async def test_a_callback_that_is_out_of_tries_with_its_node_fails_the_job(url: str) -> None:
    gate = Gate()

    async def body() -> str:
        return "r"

    async def callback(request: str) -> None:
        await gate()

    def register(jobs: Jobs) -> None:
        jobs.command(retry_limit=0)(body)
        jobs.command(callback)

    async with nodes(url, 1, register, lease_seconds=1, grace_seconds=0) as (dying,):
        ref = await dying.enqueue(body, callback=callback)
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, register, lease_seconds=1) as (other,):
            done = await other.wait(ref, timeout=20)
    assert (done.state, done.error_code, done.response) == (JobState.FAILED, "callback_failed", "r")
    assert [error.code for error in done.errors] == ["node_lost"]


async def test_no_callback_after_a_failure(jobs: Jobs) -> None:
    calls: list[str] = []

    @jobs.command(retry_limit=0)
    async def body() -> None:
        raise ValueError("body")

    @jobs.command
    async def callback() -> None:
        calls.append("callback")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(body, callback=callback), timeout=10)
    assert (done.state, calls) == (JobState.FAILED, [])


async def test_a_requeued_job_whose_body_was_done_repeats_the_callback_only(jobs: Jobs) -> None:
    calls: list[str] = []

    @jobs.command(retry_limit=0)
    async def body() -> str:
        calls.append("body")
        return "r"

    @jobs.command
    async def callback(request: str) -> None:
        calls.append(request)
        if len(calls) == 2:
            raise ValueError("once")

    async with jobs.start():
        ref = await jobs.enqueue(body, callback=callback)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.FAILED
        assert await jobs.requeue(ref)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED
    assert calls == ["body", "r", "r"]


async def test_a_node_that_dies_in_the_callback_leaves_the_callback_to_another(url: str) -> None:
    calls: list[str] = []
    gate = Gate()

    async def body() -> str:
        calls.append("body")
        return "r"

    async def callback(request: str) -> None:
        calls.append(request)
        await gate()

    def register(jobs: Jobs) -> None:
        jobs.command(body)
        jobs.command(callback)

    async with nodes(url, 1, register, lease_seconds=1, grace_seconds=0) as (dying,):
        ref = await dying.enqueue(body, callback=callback)
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        gate.entered.clear()
        async with nodes(url, 1, register, lease_seconds=1) as (other,):
            await gate.wait_entered()
            gate.open()
            assert (await other.wait(ref, timeout=10)).response == "r"
    assert calls == ["body", "r", "r"]


async def test_a_callback_that_is_not_registered_is_refused_at_the_enqueue(jobs: Jobs) -> None:
    @jobs.command
    async def body() -> None: ...

    async with jobs:
        with pytest.raises(UnknownCommand, match="'nobody'"):
            await jobs.enqueue(body, callback="nobody")
        assert await jobs.list() == []
