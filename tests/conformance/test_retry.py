"""Failed attempts are tried again by the policy, at most retry_limit times, and each leaves its trace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Backoff, Cancel, JobContext, Jobs, JobState, RetryAfter
from tests.conformance.helpers import eventually, state_of, wait_all
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us

AT_ONCE = Backoff(first_seconds=0.01, max_seconds=0.01, jitter=0)


@pytest.mark.parametrize("limit", [0, 1, 3])
async def test_attempts_are_at_most_retry_limit_plus_one(jobs: Jobs, limit: int) -> None:
    attempts: list[tuple[int, bool]] = []

    @jobs.command(retry_limit=limit, retry=AT_ONCE)
    async def fail(job: JobContext) -> None:
        attempts.append((job.attempt, job.last_try))
        raise ValueError(f"number {job.attempt}")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fail), timeout=10)
    assert attempts == [(number, number == limit + 1) for number in range(1, limit + 2)]
    assert (done.state, done.attempt, done.error_code) == (JobState.FAILED, limit + 1, "ValueError")
    assert done.error == f"ValueError: number {limit + 1}"


async def test_every_failed_attempt_is_kept_with_its_traceback(jobs: Jobs) -> None:
    @jobs.command(retry_limit=2, retry=AT_ONCE)
    async def third_time(job: JobContext) -> str:
        if job.attempt < 3:
            raise ValueError(f"number {job.attempt}")
        return "ok"

    async with jobs.start() as engine:
        done = await jobs.wait(await jobs.enqueue(third_time), timeout=10)
        node_id = engine.node_id
    assert (done.state, done.response, done.error) == (JobState.COMPLETED, "ok", None)
    assert [error.attempt for error in done.errors] == [1, 2]
    for error in done.errors:
        assert (error.code, error.message) == ("ValueError", f"ValueError: number {error.attempt}")
        assert "in third_time" in (error.traceback or "")
        assert error.node_id == node_id
        assert error.at is not None
        assert error.at.tzinfo is UTC
        assert done.created_at - timedelta(minutes=5) < error.at < datetime.now(UTC) + timedelta(minutes=5)


async def test_entries_of_earlier_releases_can_be_read(jobs: Jobs, raw: Raw) -> None:
    """Entries about lost nodes once had an empty time; a time without a zone is in UTC."""
    entries = [
        {"at": "", "attempt": 1, "node_id": 7, "code": "node_lost", "message": "gone"},
        {"at": "2031-05-01T08:00:00.125", "attempt": 2, "node_id": 8, "code": "ValueError", "message": "no"},
        {"at": "2031-05-01T08:00:00+02:00", "attempt": 3, "code": "ValueError", "message": "no", "traceback": "..."},
    ]
    jobs.command(name="work")(lambda: None)
    async with jobs:
        ref = await jobs.enqueue("work", run_after=3600)
        await raw.rows(f"UPDATE dbjobs.background_job SET errors = '{json.dumps(entries)}' WHERE id = {ref.id}")
        job = await jobs.get(ref)
    assert job is not None
    assert [(error.at, error.attempt, error.node_id) for error in job.errors] == [
        (None, 1, 7),
        (datetime(2031, 5, 1, 8, 0, 0, 125_000, tzinfo=UTC), 2, 8),
        (datetime(2031, 5, 1, 6, tzinfo=UTC), 3, None),
    ]
    assert [error.traceback for error in job.errors] == [None, None, "..."]


async def test_between_attempts_the_job_is_scheduled_by_its_backoff(jobs: Jobs) -> None:
    @jobs.command(retry_limit=5, retry=Backoff(first_seconds=100, factor=10, max_seconds=500, jitter=0))
    async def fail() -> None:
        raise ValueError("no")

    async with jobs.start():
        ref = await jobs.enqueue(fail)

        async def waits() -> bool:
            return await state_of(jobs, ref) is JobState.SCHEDULED

        await eventually(waits, "the job waits for its second try")
        job = await jobs.get(ref)
    assert job is not None
    assert job.run_after is not None
    assert job.started_at is not None
    assert 99 < (job.run_after - job.started_at).total_seconds() < 110
    assert (job.attempt, len(job.errors), job.error) == (1, 1, "ValueError: no")


async def test_a_job_s_own_policy_goes_before_its_command_s(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0, retry=Backoff(first_seconds=1000))
    async def fail() -> None:
        raise ValueError("no")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fail, retry_limit=2, retry=AT_ONCE), timeout=10)
    assert done.attempt == 3


async def test_retry_after_says_when(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=1000))
    async def later(job: JobContext) -> None:
        if job.attempt == 1:
            raise RetryAfter(0.2, "busy")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(later), timeout=10)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)
    assert [(error.code, error.message) for error in done.errors] == [("retry_after", "busy")]


@pytest.mark.parametrize("worker", [None, "lane"])
@pytest.mark.parametrize("seconds", [0, 0.01, 0.3])
async def test_a_short_retry_does_not_wait_for_a_poll(
    jobs: Jobs, no_polling: None, seconds: float, worker: str | None
) -> None:
    @jobs.command(retry_limit=3)
    async def later(job: JobContext) -> None:
        if not job.last_try:
            raise RetryAfter(seconds)

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(later, worker=worker), timeout=20)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 4)


async def test_retry_after_counts_as_a_try(jobs: Jobs) -> None:
    @jobs.command(retry_limit=2)
    async def never() -> None:
        raise RetryAfter(0, "busy")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(never), timeout=10)
    assert (done.state, done.attempt, done.error) == (JobState.FAILED, 3, "busy")


@pytest.mark.once
@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -5, 1e300])
async def test_a_delay_that_makes_no_sense_harms_its_own_job_at_most(jobs: Jobs, seconds: float) -> None:
    @jobs.command(retry_limit=1)
    async def odd() -> None:
        raise RetryAfter(seconds)

    @jobs.command
    async def good() -> None: ...

    async with jobs.start(concurrency=1):
        odd_one, good_one = await jobs.enqueue(odd), await jobs.enqueue(good)
        assert (await jobs.wait(good_one, timeout=10)).state is JobState.COMPLETED

        async def settled() -> bool:
            job = await jobs.get(odd_one)
            return job is not None and job.state is not JobState.STARTED and job.attempt > 0

        await eventually(settled, "the odd job's attempt is over")


@pytest.mark.once
async def test_should_retry_decides(jobs: Jobs) -> None:
    asked: list[tuple[int, type[BaseException]]] = []

    def only_value_errors(job: JobContext, error: BaseException) -> bool:
        asked.append((job.attempt, type(error)))
        return isinstance(error, ValueError)

    @jobs.command(retry_limit=5, retry=AT_ONCE, should_retry=only_value_errors)
    async def fail(job: JobContext) -> None:
        raise ValueError("try again") if job.attempt == 1 else KeyError("give up")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fail), timeout=10)
    assert asked == [(1, ValueError), (2, KeyError)]
    assert (done.state, done.attempt) == (JobState.FAILED, 2)


@pytest.mark.once
async def test_a_should_retry_that_fails_means_yes(jobs: Jobs) -> None:
    def broken(job: JobContext, error: BaseException) -> bool:
        raise RuntimeError("the hook itself")

    @jobs.command(retry_limit=1, retry=AT_ONCE, should_retry=broken)
    async def fail() -> None:
        raise ValueError("no")

    async with jobs.start():
        assert (await jobs.wait(await jobs.enqueue(fail), timeout=10)).attempt == 2


@pytest.mark.once
@pytest.mark.parametrize("error", [Cancel("stop"), ValueError("no")])
async def test_plain_handlers_fail_the_same_way(jobs: Jobs, error: Exception) -> None:
    @jobs.command(retry_limit=1, retry=AT_ONCE)
    def fail() -> None:
        raise error

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fail), timeout=10)
    expected: dict[type, Any] = {Cancel: (JobState.CANCELLED, 1), ValueError: (JobState.FAILED, 2)}
    assert (done.state, done.attempt) == expected[type(error)]


async def test_a_failing_job_does_not_hold_the_others_up(jobs: Jobs) -> None:
    @jobs.command(retry_limit=3, retry=AT_ONCE)
    async def work(request: int) -> int:
        if request % 3 == 0:
            raise ValueError("no")
        return request

    async with jobs.start(concurrency=10):
        ended = await wait_all(jobs, await jobs.enqueue_many(work, range(300)))
    for number, job in enumerate(ended):
        assert (job.state, job.attempt) == ((JobState.FAILED, 4) if number % 3 == 0 else (JobState.COMPLETED, 1))


async def test_the_roll_up_counts_every_outcome(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def work(request: str) -> None:
        if request == "fail":
            raise ValueError("no")
        if request == "cancel":
            raise Cancel("no")

    async with jobs.start():
        refs = await jobs.enqueue_many(work, ["good"] * 5 + ["fail"] * 2 + ["cancel"] * 3)
        await wait_all(jobs, refs)
        stats = await jobs.stats()
    totals = [sum(getattr(stat, name) for stat in stats) for name in ("completed", "failed", "cancelled", "retried")]
    assert totals == [5, 2, 3, 2]
    assert {(stat.queue, stat.command) for stat in stats} == {("default", "work")}
