"""Progress, status and log lines of a running job can be read while it runs and after it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState
from tests.conformance.helpers import Gate, eventually


async def test_progress_and_status_are_seen_while_the_job_runs(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command
    async def work(job: JobContext) -> None:
        job.progress(0.25)
        job.progress(0.5, "half way")
        await gate()

    async with jobs.start():
        ref = await jobs.enqueue(work)

        async def half_way() -> bool:
            job = await jobs.get(ref)
            return job is not None and (job.progress, job.status) == (0.5, "half way")

        await eventually(half_way, "the progress is stored")
        row = (await jobs.list())[0]
        assert (row.progress, row.status, row.state) == (0.5, "half way", JobState.STARTED)
        gate.open()
        done = await jobs.wait(ref, timeout=10)
    assert (done.progress, done.status) == (0.5, "half way")


async def test_the_last_progress_is_kept_with_the_finished_job(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def work(request: bool, job: JobContext) -> None:
        job.progress(1, "all of it")
        if request:
            raise ValueError("no")

    async with jobs.start():
        for fails in (True, False):
            done = await jobs.wait(await jobs.enqueue(work, fails), timeout=10)
            assert (done.progress, done.status) == (1.0, "all of it")


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), "half", True])
async def test_a_progress_that_is_no_fraction_is_refused(jobs: Jobs, fraction: Any) -> None:
    @jobs.command(retry_limit=0)
    async def work(job: JobContext) -> None:
        job.progress(fraction)

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=10)
    assert "progress must be a number between 0 and 1" in (done.error or "")


async def test_a_retry_starts_without_progress(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def work(job: JobContext) -> None:
        if job.attempt == 1:
            job.progress(0.9, "nearly")
            raise ValueError("no")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=10)
    assert (done.progress, done.status) == (None, None)


async def test_log_lines_are_kept_in_order_with_their_attempt(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def work(job: JobContext) -> None:
        for number in range(3):
            job.log(f"line {number}", level="debug" if number else "info")
        if job.attempt == 1:
            raise ValueError("no")

    async with jobs.start():
        ref = await jobs.enqueue(work)
        done = await jobs.wait(ref, timeout=10)
        lines = await jobs.logs(ref)
        page = await jobs.logs(ref, after_id=lines[1].id, limit=2)
    assert [(line.attempt, line.message, line.level) for line in lines] == [
        (attempt, f"line {number}", "debug" if number else "info") for attempt in (1, 2) for number in range(3)
    ]
    assert [line.id for line in lines] == sorted(line.id for line in lines)
    assert [line.id for line in page] == [line.id for line in lines[2:4]]
    assert all(done.created_at <= line.at for line in lines)
    assert {line.job_id for line in lines} == {ref.id}


async def test_log_lines_of_a_running_job_can_be_read(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command
    def work(job: JobContext) -> None:
        job.log("from a thread")

    @jobs.command
    async def slow(job: JobContext) -> None:
        job.log("connecting")
        await gate()

    async with jobs.start():
        ref = await jobs.enqueue(slow)
        await eventually(lambda: jobs.logs(ref), "the line is stored")
        thread = await jobs.enqueue(work)
        await jobs.wait(thread, timeout=10)
        assert [line.message for line in await jobs.logs(thread)] == ["from a thread"]
        gate.open()
        await jobs.wait(ref, timeout=10)


async def test_lines_that_a_database_might_refuse_are_made_harmless(jobs: Jobs) -> None:
    @jobs.command
    async def work(job: JobContext) -> None:
        job.log("nul \0 surrogate \ud800 ü", level="a level that is far too long for a column")
        job.log("x" * 20_000)
        job.progress(0.1, "nul \0 " + "y" * 1000)

    async with jobs.start():
        ref = await jobs.enqueue(work)
        done = await jobs.wait(ref, timeout=10)
        lines = await jobs.logs(ref)
    assert done.state is JobState.COMPLETED
    assert lines[0].message.startswith("nul \\0 surrogate \\ud800 ü")
    assert len(lines[1].message) == 10_000
    assert len(done.status or "") == 500


async def test_many_lines_are_all_kept(jobs: Jobs) -> None:
    @jobs.command
    async def work(job: JobContext) -> None:
        for number in range(5000):
            job.log(str(number))

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await jobs.wait(ref, timeout=20)
        lines = await jobs.logs(ref, limit=10_000)
    assert [int(line.message) for line in lines] == list(range(5000))


async def test_a_job_without_reports_has_none(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=10)
        assert await jobs.logs(done.id) == []
    assert (done.progress, done.status) == (None, None)
