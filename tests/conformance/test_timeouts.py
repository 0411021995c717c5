"""An attempt that runs longer than its timeout is ended, counted, and does not keep its slot."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState
from tests.conformance.helpers import Gate, Runs, eventually, needs_process_groups, wait_all

pytestmark = pytest.mark.about_us

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)


def write_down_and_hang(request: str) -> None:
    path = Path(request)
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)
    time.sleep(600)


async def test_an_async_handler_is_cancelled(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow", timeout=0.1, retry_limit=0)(gate)
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue("slow"), timeout=10)
    assert gate.cancelled == 1
    assert (done.state, done.error_code, done.error) == (JobState.FAILED, "timeout", "timed out after 0.1 s")
    assert done.duration_ms is not None
    assert 90 < done.duration_ms < 8000


async def test_a_timeout_is_a_failure_that_is_retried(jobs: Jobs) -> None:
    @jobs.command(timeout=timedelta(seconds=0.1), retry_limit=1, retry=AT_ONCE)
    async def second_time(job: JobContext) -> str:
        if job.attempt == 1:
            await asyncio.sleep(60)
        return "ok"

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(second_time), timeout=10)
    assert (done.state, done.attempt, done.response) == (JobState.COMPLETED, 2, "ok")
    assert [error.code for error in done.errors] == ["timeout"]


async def test_zero_is_no_timeout(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow", timeout=0)(gate)
    async with jobs.start():
        ref = await jobs.enqueue("slow")
        limited = await jobs.enqueue("slow", timeout=0.2, retry_limit=0)
        await jobs.wait(limited, timeout=10)
        assert gate.inside == 1
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


@pytest.mark.once
async def test_a_plain_handler_is_left_behind_and_its_late_result_refused(jobs: Jobs) -> None:
    release = threading.Event()
    told: list[bool] = []

    @jobs.command(timeout=0.1, retry_limit=0)
    def hang(job: JobContext) -> str:
        release.wait(20)
        told.append(job.cancelled)
        return "late"

    try:
        async with jobs.start():
            ref = await jobs.enqueue(hang)
            done = await jobs.wait(ref, timeout=10)
            release.set()
            await eventually(lambda: told, "the thread comes to its end")
            again = await jobs.get(ref)
    finally:
        release.set()
    assert told == [True]
    assert (done.state, done.error_code) == (JobState.FAILED, "timeout")
    assert again == done


@needs_process_groups
async def test_a_process_handler_is_killed(jobs: Jobs, tmp_path: Path) -> None:
    jobs.command(process=True, retry_limit=0)(write_down_and_hang)
    file = tmp_path / "pid"
    async with jobs.start():
        ref = await jobs.enqueue(write_down_and_hang, str(file), timeout=3)
        await eventually(file.exists, "the process has started")
        pid = int(file.read_text())
        done = await jobs.wait(ref, timeout=20)
        assert (done.state, done.error_code) == (JobState.FAILED, "timeout")
        await eventually(lambda: not is_running(pid), f"process {pid} is gone")


@pytest.mark.once
async def test_a_handler_that_swallows_its_timeout_loses_its_slot(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    @jobs.command(timeout=0.1, retry_limit=0)
    async def stubborn() -> str:
        while not gate.opened.is_set():
            try:
                await gate()
            except asyncio.CancelledError:
                continue
        return "late"

    @jobs.command
    async def good() -> str:
        return "well"

    async with jobs.start(concurrency=1, unresponsive_seconds=0.2):
        ref = await jobs.enqueue(stubborn)
        after = await jobs.enqueue(good)
        assert (await jobs.wait(after, timeout=10)).response == "well"
        done = await jobs.wait(ref, timeout=10)
        gate.open()
        await eventually(lambda: gate.inside == 0, "the handler ends")
        assert await jobs.get(ref) == done
    assert (done.state, done.error_code) == (JobState.FAILED, "timeout")
    assert f"job {ref.id} (stubborn) goes on" in caplog.text


@pytest.mark.once
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_timed_out_handler_that_goes_on_keeps_its_lane(jobs: Jobs, kind: str) -> None:
    """A named worker never overlaps itself: an async handler that ignores its end is closed, a plain one waited for."""
    runs = Runs()
    go_on = threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def plain(request: str) -> None:
        with runs.run(request, request[0] == "o"):
            loop.call_soon_threadsafe(started.set)
            if request == "first":
                go_on.wait(20)

    async def stubborn(request: str) -> None:
        with runs.run(request, request[0] == "o"):
            started.set()
            while request == "first" and not go_on.is_set():
                try:
                    await asyncio.sleep(0.02)
                except asyncio.CancelledError:
                    continue

    handler: Any = plain if kind == "plain" else stubborn
    jobs.command(name="work")(handler)
    try:
        async with jobs.start(unresponsive_seconds=0.2):
            first = await jobs.enqueue("work", "first", worker="w", timeout=0.2, retry_limit=0)
            second = await jobs.enqueue("work", "second", worker="w")
            await asyncio.wait_for(started.wait(), 10)
            other = [await jobs.enqueue("work", "other", worker=f"o{n}", run_after=1.0) for n in range(3)]
            await wait_all(jobs, other)
            if kind == "plain":
                assert "second" not in runs.order, "the lane overlaps itself"
                go_on.set()
            await wait_all(jobs, [first, second])
        assert runs.most[False] == 1, "the lane overlaps itself"
    finally:
        go_on.set()


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it may end between the open and the read
        return False
