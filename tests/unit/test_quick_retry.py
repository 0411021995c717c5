"""Quick retries: a handler is called again inside the same attempt, within its timeout, and no longer than its job."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import Cancel, InvalidOption, JobContext, Jobs, JobState, QuickRetry, RetryAfter
from tests.conformance.helpers import eventually, soon, state_of, wait_all

AT_ONCE = QuickRetry(times=3, base_seconds=0)


async def test_the_last_error_fails_the_attempt_and_some_errors_do_so_at_once(jobs: Jobs) -> None:
    calls: list[str] = []
    errors: dict[str, type[Exception]] = {
        "ConnectionError": ConnectionError,
        "ValueError": ValueError,
        "KeyError": KeyError,
        "Cancel": Cancel,
    }

    @jobs.command(retry_limit=0, quick_retry=QuickRetry(times=2, base_seconds=0, never=(ValueError, LookupError)))
    async def work(name: str) -> None:
        calls.append(name)
        raise RetryAfter(3600) if name == "RetryAfter" else errors[name]("no")

    async with jobs.start():
        done = await wait_all(jobs, [await jobs.enqueue(work, name) for name in errors])
        ref = await jobs.enqueue(work, "RetryAfter", retry_limit=1)

        async def is_scheduled() -> bool:
            return await state_of(jobs, ref) is JobState.SCHEDULED

        await eventually(is_scheduled, "it comes back later")
    assert [job.state for job in done] == [JobState.FAILED] * 3 + [JobState.CANCELLED]
    assert [len(job.errors) for job in done[:3]] == [1, 1, 1]
    assert {name: calls.count(name) for name in [*errors, "RetryAfter"]} == {
        "ConnectionError": 3,
        "ValueError": 1,
        "KeyError": 1,
        "Cancel": 1,
        "RetryAfter": 1,
    }


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_cancel_in_the_pause_ends_the_tries(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, is_async: bool
) -> None:
    monkeypatch.setattr(QuickRetry, "pause", lambda self, retry: 3600.0)
    calls: list[None] = []
    called = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fails() -> None:
        calls.append(None)
        loop.call_soon_threadsafe(called.set)
        raise ConnectionError

    async def awaited() -> None:
        fails()

    jobs.command(awaited if is_async else fails, name="work", quick_retry=QuickRetry())
    async with jobs.start() as engine:
        ref = await jobs.enqueue("work")
        await soon(called, "the first try")
        await jobs.cancel(ref)
        done = await jobs.wait(ref, timeout=30)
    assert (done.state, len(calls)) == (JobState.CANCELLED, 1)
    assert engine.left == []  # the thread has noticed, too


async def test_the_timeout_is_for_all_tries_together(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuickRetry, "pause", lambda self, retry: 3600.0)

    @jobs.command(retry_limit=0, timeout=0.2, quick_retry=QuickRetry())
    async def work() -> None:
        raise ConnectionError

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=30)
    assert (done.state, done.error_code) == (JobState.FAILED, "timeout")


async def test_what_a_transaction_has_completed_is_not_called_again(jobs: Jobs) -> None:
    calls: list[int] = []

    @jobs.command(quick_retry=AT_ONCE)
    async def work(job: JobContext) -> None:
        calls.append(job.attempt)
        async with job.transaction():
            job.respond("stored")
        raise ConnectionError("after the commit")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=30)
    assert (done.state, str(done.response), calls) == (JobState.COMPLETED, "stored", [1])


def test_pauses_are_random_up_to_a_bound_that_doubles() -> None:
    policy = QuickRetry(times=5, first_seconds=0, base_seconds=1, max_seconds=3)
    most = [max(policy.pause(retry) for _ in range(300)) for retry in range(1, 6)]
    least = [min(policy.pause(retry) for _ in range(300)) for retry in range(1, 6)]
    assert most[0] == 0
    for longest, bound in zip(most[1:], (1, 2, 3, 3), strict=True):
        assert bound * 0.8 < longest <= bound
    assert all(shortest < 0.2 for shortest in least)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"times": 0}, "times=0 must be a whole number between 1 and 1000"),
        ({"times": True}, "times=True must be a whole number"),
        ({"base_seconds": -1}, "base_seconds=-1 must be a number of seconds >= 0"),
        ({"max_seconds": float("inf")}, "max_seconds=inf must be a number of seconds"),
        ({"never": ValueError}, "must be a tuple of classes of errors"),
        ({"never": (KeyboardInterrupt,)}, "must be a tuple of classes of errors"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        QuickRetry(**settings)


def test_a_process_has_no_quick_retries() -> None:
    jobs = Jobs("sqlite:///never-opened.db")

    def work() -> None: ...

    with pytest.raises(InvalidOption, match="process=True has no quick retries; use retry_limit and retry"):
        jobs.command(work, process=True, quick_retry=AT_ONCE)
    with pytest.raises(InvalidOption, match="quick_retry=3 must be a dbjobs"):
        jobs.command(work, quick_retry=3)  # type: ignore[call-overload]
