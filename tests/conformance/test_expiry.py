"""A job that was not started before it expired is cancelled; one that has started is not."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import Job, JobContext, JobRef, Jobs, JobState, RetryAfter
from dbjobs.store import repository
from tests.conformance.helpers import Gate, eventually, soon, state_of, wait_all
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us


async def echo(request: Any) -> Any:
    return request


@pytest.mark.parametrize(
    "options", [{}, {"run_after": 60}, {"worker": "w"}], ids=["queued", "scheduled", "named worker"]
)
async def test_a_job_that_did_not_start_in_time_is_cancelled(
    jobs: Jobs, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dbjobs")
    jobs.command(echo)
    async with jobs.start(queues=["other"]):
        ref = await jobs.enqueue(echo, expires_after=timedelta(seconds=0.1), **options)
        child = await jobs.enqueue(echo, depends_on=ref)
        done, after = await wait_all(jobs, [ref, child])
        line = f"cancelled, because they expired before they started: jobs {ref.id}"
        await eventually(lambda: line in caplog.text, "it is told")
    assert (done.state, done.error_code, done.attempt) == (JobState.CANCELLED, "expired", 0)
    assert after.state is JobState.CANCELLED


async def test_a_waiting_child_expires(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs.start():
        parent = await jobs.enqueue("slow")
        child = await jobs.enqueue(echo, depends_on=parent, expires_after=0.1)
        assert (await jobs.wait(child, timeout=10)).error_code == "expired"
        gate.open()
        assert (await jobs.wait(parent, timeout=10)).state is JobState.COMPLETED


async def test_a_running_job_does_not_expire(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs.start(queues=["default"]):
        ref = await jobs.enqueue("slow", expires_after=0.5)
        await gate.wait_entered()
        other = await jobs.enqueue(echo, queue="nobody", expires_after=1.0)
        assert (await jobs.wait(other, timeout=10)).error_code == "expired"
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_an_expired_job_is_never_started(jobs: Jobs) -> None:
    calls: list[str] = []

    @jobs.command
    async def note(request: str) -> None:
        calls.append(request)

    async with jobs:
        refs = [await jobs.enqueue(note, "late", expires_after=0, worker=worker) for worker in (None, "w")]
        async with jobs.start():
            refs.append(await jobs.enqueue(note, "in time", expires_after=60))
            await wait_all(jobs, refs)
    assert calls == ["in time"]


async def test_an_expired_head_does_not_stop_its_lane(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        refs = [await jobs.enqueue(echo, worker="w", expires_after=0) for _ in range(3)]
        refs.append(await jobs.enqueue(echo, worker="w"))
        async with jobs.start():
            ended = await wait_all(jobs, refs)
    assert [job.state for job in ended] == ["cancelled"] * 3 + ["completed"]


# A job that has started once ends by itself, however long ago it was to start.

PAST = "UPDATE dbjobs.background_job SET {} = '2020-01-01 00:00:00' WHERE id = {}"


async def _outlives_a_look(jobs: Jobs, raw: Raw, ref: JobRef) -> Job:
    """The job as it ends, although it is long past its expiry while the engine looks for such jobs."""
    await raw.rows(PAST.format("expires_at", ref.id))
    # Younger than that: the look that ends this one would end the other one too.
    other = await jobs.enqueue(echo, run_after=60, expires_after=0.01)
    assert (await jobs.wait(other, timeout=10)).error_code == "expired"
    await raw.rows(PAST.format("run_after", ref.id))
    return await jobs.wait(ref, timeout=10)


@pytest.mark.parametrize("worker", [None, "w"], ids=["free job", "named worker"])
async def test_a_job_in_back_off_does_not_expire(jobs: Jobs, raw: Raw, worker: str | None) -> None:
    jobs.command(echo)

    @jobs.command
    async def flaky(request: None, job: JobContext) -> None:
        if job.attempt == 1:
            raise RetryAfter(3600)

    async with jobs.start():
        ref = await jobs.enqueue(flaky, worker=worker, expires_after=3600)
        await eventually(lambda: _is(jobs, ref, JobState.SCHEDULED), "it waits for its retry")
        ended = await _outlives_a_look(jobs, raw, ref)
    assert (ended.state, ended.attempt) == (JobState.COMPLETED, 2)


async def test_a_job_whose_callback_is_tried_again_does_not_expire(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    calls: list[str] = []

    @jobs.command
    async def callback() -> None:
        calls.append("callback")
        if len(calls) == 1:
            raise RetryAfter(3600)

    async with jobs.start():
        ref = await jobs.enqueue(echo, callback=callback, expires_after=3600)
        await eventually(lambda: _waits_for_callback(raw, ref), "its callback waits for its retry")
        assert (await _outlives_a_look(jobs, raw, ref)).state is JobState.COMPLETED
    assert calls == ["callback"] * 2


@pytest.mark.parametrize("worker", [None, "w"], ids=["free job", "named worker"])
async def test_a_job_that_was_handed_back_does_not_expire(jobs: Jobs, raw: Raw, worker: str | None) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs:
        async with jobs.start(grace_seconds=0):
            ref = await jobs.enqueue("slow", worker=worker, expires_after=3600)
            await gate.wait_entered()
        await raw.rows(PAST.format("expires_at", ref.id))
        gate.open()
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def _is(jobs: Jobs, ref: JobRef, state: JobState) -> bool:
    return await state_of(jobs, ref) is state


async def _waits_for_callback(raw: Raw, ref: JobRef) -> bool:
    query = f"SELECT id FROM dbjobs.background_job WHERE id = {ref.id} AND state = 'scheduled'"
    return bool(await raw.rows(query))


@pytest.mark.parametrize("worker", [None, "w"])
async def test_what_was_found_expired_and_brought_back_since_runs(
    url: str, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, worker: str | None
) -> None:
    """A node is suspended between its look and its cancel; another one ends the job, and somebody requeues it."""
    jobs.command(echo)
    other = Jobs(url)
    other.command(echo)
    find_expired = repository.find_expired
    done = asyncio.Event()

    async def find(db: Any, limit: int) -> list[int]:
        found = await find_expired(db, limit)
        if ref.id in found and not done.is_set():
            assert await other.cancel(ref)
            assert await other.requeue(ref)
            done.set()
        return found

    async with other:
        ref = await other.enqueue(echo, 1, worker=worker, expires_after=0.05)
        monkeypatch.setattr(repository, "find_expired", find)
        async with jobs.start(queues=["nobody"]):
            await soon(done, "it is found")
            later = await other.enqueue(echo, 1, queue="elsewhere", expires_after=0.05)
            assert (await jobs.wait(later, timeout=20)).error_code == "expired"
        assert await state_of(other, ref) is JobState.QUEUED
        async with other.start():
            assert (await other.wait(ref, timeout=20)).state is JobState.COMPLETED
