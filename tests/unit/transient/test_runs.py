"""A run gives its caller what the handler gives or raises, and ends with its caller."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from dbjobs import Cancel, DbjobsError, JobContext, JobFailed, Jobs, JobState, RetryAfter, RunCancelled
from dbjobs.testing import inline
from tests.conformance.helpers import Gate, eventually, needs_process_groups

QUICK = {"unresponsive_seconds": 0.2, "grace_seconds": 20.0}
caller_name: contextvars.ContextVar[str] = contextvars.ContextVar("caller_name", default="nobody")


@dataclass
class Order:
    number: int


class Tool: ...


class Use:
    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    async def run(self, request: int) -> tuple[Tool, int]:
        return self.tool, request


def write_down_and_hang(request: str) -> None:
    path = Path(request)
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)
    time.sleep(600)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_run_gives_the_handler_s_own_response_and_stores_nothing(jobs: Jobs) -> None:
    made: list[object] = []

    class NotJson: ...

    @jobs.command
    async def make(request: Order, job: JobContext) -> Any:
        made.append(NotJson())
        assert (job.is_transient, job.id < 0, job.attempt, job.last_try, job.command) == (True, True, 1, True, "make")
        return made[-1]

    @jobs.command
    def plain(request: Order) -> str:
        return f"{request.number} in {threading.current_thread() is not threading.main_thread()}"

    async with jobs:
        assert await jobs.run(make, Order(1)) is made[0]
        assert await jobs.run("make", {"number": 1}) is made[1]
        assert await jobs.run(plain, Order(2)) == "2 in True"
        assert await jobs.list() == []
        assert await jobs.counts() == {}


async def test_what_the_handler_raises_is_raised(jobs: Jobs) -> None:
    errors: list[BaseException] = [ValueError("own"), Cancel("enough"), RetryAfter(3)]

    @jobs.command(retry_limit=5)
    async def fail(request: int) -> None:
        raise errors[request]

    @jobs.command
    async def leave() -> None:
        raise SystemExit(3)

    async with jobs:
        for number, error in enumerate(errors):
            with pytest.raises(type(error)) as caught:
                await jobs.run(fail, number)
            assert caught.value is error
        with pytest.raises(JobFailed, match="SystemExit") as left:
            await jobs.run(leave)
        assert isinstance(left.value.__cause__, SystemExit)
        assert await jobs.list() == []


async def test_a_callback_runs_with_the_response_before_the_run_is_over(jobs: Jobs) -> None:
    seen: list[Any] = []

    @jobs.command
    async def callback(request: int, job: JobContext) -> None:
        seen.append((request, job.command))
        if request == 2:
            raise ValueError("callback")

    @jobs.command(callback=callback)
    async def body(request: int) -> int:
        return request

    async with jobs:
        assert await jobs.run(body, 1) == 1
        with pytest.raises(ValueError, match="callback"):
            await jobs.run(body, 2)
    assert seen == [(1, "body"), (2, "body")]


async def test_an_outside_cancel_scope_cancels_the_handler_and_waits_for_its_end(jobs: Jobs) -> None:
    cleaned: list[str] = []
    entered = asyncio.Event()

    @jobs.command
    async def slow(request: str) -> None:
        entered.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(request)

    async def cancelled_by(wait: Callable[[], Awaitable[Any]]) -> None:
        entered.clear()
        async with anyio.create_task_group() as tasks:

            async def give_up() -> None:
                await entered.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(give_up)
            await wait()

    async with jobs:
        await cancelled_by(lambda: jobs.run(slow, "run"))
        assert cleaned == ["run"]

        async def handle() -> None:
            await jobs.submit(slow, "handle")

        await cancelled_by(handle)
        assert cleaned == ["run", "handle"]
        task = asyncio.create_task(jobs.run(slow, "task"))
        entered.clear()
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned == ["run", "handle", "task"]
        assert [record.state for record in jobs.runs.latest()] == [JobState.CANCELLED] * 3


async def test_the_caller_s_context_variables_reach_the_handler_and_nothing_comes_back(jobs: Jobs) -> None:
    @jobs.command
    async def who() -> str:
        name = caller_name.get()
        caller_name.set("handler")
        return name

    async with jobs:
        caller_name.set("caller")
        assert await jobs.run(who) == "caller"
        assert caller_name.get() == "caller"


async def test_timeouts_end_the_handler(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow", timeout=0.05)(gate)
    released = threading.Event()

    @jobs.command
    def hang(job: JobContext) -> None:
        released.wait(20)

    async with jobs:
        with pytest.raises(TimeoutError, match=r"transient run 1 of 'slow' timed out after 0\.05 s"):
            await jobs.run("slow")
        assert gate.cancelled == 1
        try:
            with pytest.raises(TimeoutError, match="'hang'"):
                await jobs.run(hang, timeout=0.05)
            assert len(jobs.runs.running()) == 0
        finally:
            released.set()
        assert [record.error_code for record in jobs.runs.failed()] == ["timeout", "timeout"]


@needs_process_groups
async def test_a_handler_in_a_process_runs_there_and_is_killed_by_a_cancel(jobs: Jobs, tmp_path: Path) -> None:
    jobs.command(process=True)(write_down_and_hang)
    written = tmp_path / "pid"
    async with jobs:
        run = jobs.submit(write_down_and_hang, str(written))
        await eventually(written.exists, "it has started", timeout=30)
        run.cancel()
        with pytest.raises(RunCancelled):
            await run
        pid = int(written.read_text())
        assert pid != os.getpid()
        await eventually(lambda: not is_alive(pid), "it is gone")


async def test_a_handler_that_swallows_cancellation_is_closed(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    entered = asyncio.Event()

    @jobs.command
    async def stubborn() -> None:
        while True:
            try:
                entered.set()
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

    async with jobs.start(**QUICK):  # type: ignore[arg-type]
        run = jobs.submit(stubborn)
        await entered.wait()
        run.cancel()
        with pytest.raises(RunCancelled, match="transient run 1 of 'stubborn' was cancelled"):
            await run
    assert "does the handler swallow cancellation?" in caplog.text.lower()


async def test_class_commands_and_inline_tests(jobs: Jobs) -> None:
    jobs.command(Use)
    jobs.provide(Tool, Tool)
    async with jobs.start():
        tool, number = await jobs.run(Use, 5)
        assert (type(tool), number) == (Tool, 5)
    async with jobs:
        with pytest.raises(DbjobsError, match="Tool"):  # nothing has opened what it needs
            await jobs.run(Use, 5)
    async with inline(jobs):
        tool, number = await jobs.submit("Use", 6)
        assert (type(tool), number) == (Tool, 6)
