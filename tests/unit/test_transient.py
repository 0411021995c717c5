"""Transient runs: the handler's own response or error, a handle, bounds, the caller's cancellation, a stop's grace.

What they have to do with a database (lanes) is in ``tests/conformance/test_transient_lanes.py``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from dbjobs import (
    Cancel,
    DbjobsError,
    InvalidOption,
    InvalidRequest,
    JobContext,
    JobFailed,
    Jobs,
    JobState,
    NotRunning,
    NotStored,
    RetryAfter,
    Run,
    RunCancelled,
    TooManyRuns,
    UnknownCommand,
    UnknownUser,
    current_user,
)
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


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def jobs(url: str) -> Jobs:
    return Jobs(url)


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


# --- run --------------------------------------------------------------------------------------------


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


# --- the handle -------------------------------------------------------------------------------------


async def test_a_handle_tells_of_state_progress_and_log(jobs: Jobs) -> None:
    gate = Gate()
    told: list[Any] = []

    @jobs.command
    async def work(request: int, job: JobContext) -> int:
        job.log("one")
        job.progress(0.25, "a quarter")
        await gate()
        job.log("two", level="warning")
        return request * 2

    async def later(response: int) -> None:
        await asyncio.sleep(0)
        told.append(("later", response))

    async with jobs:
        run = jobs.submit(work, 21, tag="t", on_success=lambda response: told.append(response))
        run.on_success(later).on_failed(told.append)
        assert (run.state, run.finished, run.started_at) == (JobState.QUEUED, False, None)
        await gate.wait_entered()
        assert (run.state, run.progress, run.status) == (JobState.STARTED, 0.25, "a quarter")
        assert jobs.runs.running() == [run]
        with pytest.raises(TimeoutError, match=r"transient run 1 of 'work' has not ended within 0\.01 s"):
            await run.wait(timedelta(seconds=0.01))
        with pytest.raises(InvalidOption, match="wait: timeout='soon'"):
            await run.wait("soon")  # type: ignore[arg-type]
        assert run.state is JobState.STARTED, "who gives up waiting cancels nothing"
        gate.open()
        assert (await run.wait(20)) is run
        assert await run == 42
        assert await run == 42
        await eventually(lambda: told, "it is told")
        assert (run.state, run.error, run.cancel()) == (JobState.COMPLETED, None, False)
        assert [(line.level, line.message) for line in run.logs] == [("info", "one"), ("warning", "two")]
        assert run.duration_ms is not None
        assert (run.id, run.command, repr(run)) == (1, "work", "<Run 1 'work' completed>")
        with pytest.raises(InvalidOption, match="has ended already"):
            run.on_success(later)
    assert told == [42, ("later", 42)]


async def test_a_cancelled_run_says_so_to_all(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="work")(gate)
    told: list[BaseException] = []
    async with jobs:
        run = jobs.submit("work", worker="w", on_failed=told.append)
        behind = jobs.submit("work", worker="w")
        await gate.wait_entered()
        assert behind.cancel(), "one that waits for its lane"
        with pytest.raises(RunCancelled):
            await behind
        assert behind.started_at is None
        assert run.cancel()
        assert run.cancel_requested
        waits = await asyncio.gather(run.wait(), _result(run), _result(run))
        assert waits[0].state is JobState.CANCELLED
        assert all(isinstance(error, RunCancelled) and error.reason == "cancel" for error in waits[1:])
        await eventually(lambda: told, "it is told")
        assert told == [run.error]
    assert gate.cancelled == 1


async def _result(run: Run[Any]) -> BaseException | None:
    try:
        await run
    except JobFailed as error:
        return error
    return None


async def test_an_error_is_logged_unless_somebody_hears_of_it(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def fail(request: str) -> None:
        raise ValueError(request)

    def bad_listener(error: BaseException) -> None:
        raise RuntimeError("listener")

    async with jobs:
        with pytest.raises(ValueError, match="awaited"):
            await jobs.run(fail, "awaited")
        heard: list[BaseException] = []
        await jobs.submit(fail, "heard", on_failed=heard.append).wait()
        jobs.submit(fail, "alone")
        await eventually(lambda: len(jobs.runs.latest()) == 3, "it has ended")
        jobs.submit(fail, "listener", on_failed=bad_listener)
        await eventually(lambda: "listener" in caplog.text, "what a listener raises is logged")
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert errors[0].getMessage() == ("transient run 3 (fail) failed, and nobody waits for it: alone")
    assert len(errors) == 2


# --- bounds and records -----------------------------------------------------------------------------


async def test_runs_are_bounded_in_number(url: str) -> None:
    jobs = Jobs(url, max_transient=2)
    gate = Gate()
    jobs.command(name="work")(gate)
    async with jobs:
        first, second = jobs.submit("work"), jobs.submit("work", worker="w")
        with pytest.raises(TooManyRuns, match=r"2 runs wait or run .*max_transient"):
            await jobs.run("work")
        gate.open()
        await first
        await second
        await eventually(lambda: not jobs.runs.running(), "there is room again")
        await jobs.run("work")
    with pytest.raises(InvalidOption, match="max_transient=0"):
        Jobs(url, max_transient=0)


async def test_records_are_the_latest_and_timings_are_by_command(jobs: Jobs) -> None:
    @jobs.command
    async def count(request: int) -> int:
        if request < 3:
            raise ValueError(f"no {request}")
        return request

    @jobs.command
    async def other() -> None: ...

    async with jobs:
        for number in range(260):
            await jobs.submit(count, number, on_failed=lambda _: None).wait()
        await jobs.run(other, tag="t", user_id="u")
    latest = jobs.runs.latest(250)
    assert len(latest) == 250
    assert (latest[0].command, latest[0].tag, latest[0].user_id) == ("other", "t", "u")
    assert [record.request for record in latest[1:3]] == ["259", "258"]
    assert [(record.error_code, record.error) for record in jobs.runs.failed()] == [
        ("ValueError", f"ValueError: no {number}") for number in (2, 1, 0)
    ]
    assert "raise ValueError" in (jobs.runs.failed(1)[0].traceback or "")
    of_count, of_other = jobs.runs.timings()
    assert (of_count.command, of_count.count, of_count.failed, of_count.cancelled) == ("count", 260, 3, 0)
    assert (of_count.last_error, of_other.count, of_other.last_error) == ("ValueError: no 2", 1, None)
    assert 0 < of_count.min_ms <= of_count.median_ms <= of_count.max_ms <= of_count.total_ms
    with pytest.raises(InvalidOption, match="limit=0"):
        jobs.runs.latest(0)


async def test_plain_handlers_of_runs_have_as_many_threads_as_the_node(jobs: Jobs) -> None:
    released = threading.Event()
    started: list[int] = []

    @jobs.command
    def block(request: int) -> None:
        started.append(request)
        released.wait(20)

    async with jobs.start(threads=2):
        runs = [jobs.submit(block, number) for number in range(4)]
        await eventually(lambda: len(started) == 2, "two run")
        waiting = runs[2]
        assert waiting.state is JobState.QUEUED
        assert waiting.cancel()
        released.set()
        await runs[3]
    assert sorted(started) == [0, 1, 3]


# --- in a handler -----------------------------------------------------------------------------------


async def test_what_only_a_stored_job_has_is_refused(jobs: Jobs) -> None:
    @jobs.command
    async def wants(request: str, job: JobContext) -> Any:
        if request == "ref":
            return job.ref
        async with job.transaction():
            return None

    async with jobs:
        with pytest.raises(NotStored, match="not stored"):
            await jobs.run(wants, "transaction")
        with pytest.raises(NotStored, match=r"job\.ref"):
            await jobs.run(wants, "ref")


async def test_jobs_enqueued_in_a_run_are_children_of_the_job_that_has_called_it(jobs: Jobs) -> None:
    @jobs.command
    async def child() -> None: ...

    @jobs.command
    async def inner(request: None, job: JobContext) -> list[int]:
        assert await job.parents() == []
        return [(await job.enqueue(child)).id, (await jobs.enqueue(child)).id]

    @jobs.command
    async def outer() -> list[int]:
        return await jobs.run(inner)

    async with jobs.start():
        for id in await jobs.run(inner):
            free = await jobs.get(id)
            assert free is not None
            assert free.parent_id is None
        ref = await jobs.enqueue(outer)
        for id in (await jobs.wait(ref, timeout=20)).response:
            job = await jobs.get(id)
            assert job is not None
            assert job.parent_id == ref.id


async def test_every_slot_may_wait_for_a_run(jobs: Jobs) -> None:
    """Runs have no slots of the node: handlers that wait for them could otherwise fill it and wait for ever."""

    @jobs.command
    async def inner(request: int) -> int:
        return request + 1

    @jobs.command
    async def outer(request: int) -> int:
        return await jobs.run(inner, request)

    async with jobs.start(concurrency=1):
        refs = [await jobs.enqueue(outer, number) for number in range(3)]
        assert [(await jobs.wait(ref, timeout=20)).response for ref in refs] == [1, 2, 3]


async def test_a_handler_that_would_wait_for_its_own_lane_is_told(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="behind")(gate)

    @jobs.command
    async def middle() -> None:
        await jobs.run("behind", worker="w")

    @jobs.command(retry_limit=0)
    async def outer(request: bool) -> str:
        if request:
            await jobs.run(middle)
        jobs.submit("behind", worker="w")
        return "submitted"

    async with jobs.start():
        for deep in (True, False):
            ended = await jobs.wait(await jobs.enqueue(outer, deep, worker="w"), timeout=20)
            if deep:
                assert ended.error_code == "InvalidOption"
                assert "worker 'w' is busy with the handler of 'outer' that waits for it" in (ended.error or "")
            else:
                assert ended.response == "submitted"
        await gate.wait_entered()
        gate.open()


async def test_a_run_has_the_user_it_is_for_or_that_of_the_job_that_calls_it(url: str) -> None:
    jobs = Jobs(url, user_resolver={"ada": "Ada", "bob": "Bob"}.get)

    @jobs.command
    async def who(request: None, job: JobContext) -> str:
        assert job.user == current_user()
        return str(current_user())

    @jobs.command
    async def outer() -> list[str]:
        return [await jobs.run(who), await jobs.run(who, user_id="bob")]

    async with jobs.start():
        assert await jobs.run(who) == "None"
        assert await jobs.run(who, user_id="ada") == "Ada"
        done = await jobs.wait(await jobs.enqueue(outer, user_id="ada"), timeout=20)
        assert done.response == ["Ada", "Bob"]
        with pytest.raises(UnknownUser, match="knows no user 'eve'"):
            await jobs.run(who, user_id="eve")


# --- wrong use --------------------------------------------------------------------------------------


async def test_each_wrong_use_has_one_clear_error(jobs: Jobs) -> None:
    @jobs.command(name="work")
    async def work(request: int) -> None: ...

    jobs.declare("elsewhere")
    with pytest.raises(NotRunning, match="the database is not open"):
        await jobs.run(work, 1)
    async with jobs:
        with pytest.raises(UnknownCommand, match="only declared in this process"):
            await jobs.run("elsewhere")
        with pytest.raises(UnknownCommand, match="did you mean 'work'"):
            jobs.submit("wrok")
        with pytest.raises(InvalidRequest, match="request of 'work'"):
            await jobs.run("work", "one")
        for name, value in {"run_after": 3, "queue": "q", "retry_limit": 1, "ref_id": "r", "depends_on": 1}.items():
            with pytest.raises(InvalidOption, match=rf"run: option '{name}' is one of stored jobs"):
                await jobs.run("work", 1, **{name: value})  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match=r"submit of 'work': unknown option 'workr'; did you mean 'worker'"):
            jobs.submit("work", 1, workr="x")  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match="timeout=-1"):
            await jobs.run("work", 1, timeout=-1)
        with pytest.raises(InvalidOption, match="exclusive=True needs worker="):
            await jobs.run("work", 1, exclusive=True)
        with pytest.raises(InvalidOption, match="exclusive='yes'"):
            await jobs.run("work", 1, exclusive="yes")  # type: ignore[call-overload]
        with pytest.raises(NotRunning, match=r"exclusive=True takes worker 'w' over all nodes .* no workers run here"):
            await jobs.run("work", 1, worker="w", exclusive=True)
        with pytest.raises(InvalidOption, match="calls a function at its end"):
            jobs.submit("work", 1, on_failed="me")  # type: ignore[call-overload]


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


# --- the end ----------------------------------------------------------------------------------------


async def test_a_stop_gives_runs_the_grace_of_jobs(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="last")(gate)
    nested: list[str] = []

    @jobs.command
    async def quick() -> str:
        return "quick"

    @jobs.command
    async def work() -> str:
        await gate()
        nested.append(await jobs.run(quick))
        return "done"

    async with jobs:
        async with jobs.start(grace_seconds=20) as engine:
            run = jobs.submit(work)
            await gate.wait_entered()
            engine.stop()
            asyncio.get_running_loop().call_later(0.05, gate.open)
        assert (run.state, await run, nested) == (JobState.COMPLETED, "done", ["quick"])


async def test_a_run_that_outlasts_the_grace_is_cancelled_with_the_reason(jobs: Jobs) -> None:
    gate, refused = Gate(), list[str]()

    @jobs.command
    async def quick() -> str:
        return "quick"

    @jobs.command
    async def work() -> None:
        try:
            await gate()
        except asyncio.CancelledError:
            with pytest.raises(NotRunning, match="workers of this process are stopping") as told:
                jobs.submit(quick)
            refused.append(str(told.value))
            raise

    async with jobs:
        async with jobs.start(grace_seconds=0):
            run = jobs.submit(work)
            waiting = jobs.submit(work, worker="w")
            behind = jobs.submit(work, worker="w")
            await eventually(lambda: gate.inside == 2, "both run")
        for ended in (run, waiting, behind):
            with pytest.raises(RunCancelled, match="was cancelled: the node") as caught:
                await ended
            assert caught.value.reason == "shutdown"
        assert len(refused) == 2
        assert await jobs.run(quick) == "quick", "the client is still open"


async def test_a_stop_leaves_a_thread_that_does_not_end(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()
    started = threading.Event()

    @jobs.command
    def hang() -> None:
        started.set()
        released.wait(30)

    try:
        async with jobs.start(grace_seconds=0, unresponsive_seconds=0.1) as engine:
            run = jobs.submit(hang, worker="w")
            await eventually(started.is_set, "it has started")
        assert [attempt.job.command for attempt in engine.left] == ["hang"]
        with pytest.raises(RunCancelled) as caught:
            await run
        assert caught.value.reason == "shutdown"
        assert "transient run 1 (hang) still runs in a thread" in caplog.text
    finally:
        released.set()
    [custody] = [thread for thread in threading.enumerate() if thread.name == "dbjobs-custody"]
    custody.join(20)
    assert not custody.is_alive()


async def test_the_close_of_a_client_waits_for_its_runs(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="work")(gate)
    async with jobs:
        run = jobs.submit("work")
        await gate.wait_entered()
        asyncio.get_running_loop().call_later(0.05, gate.open)
    assert run.state is JobState.COMPLETED
    with pytest.raises(NotRunning):
        await jobs.run("work")


def test_a_jobs_object_may_run_in_one_event_loop_after_another(jobs: Jobs) -> None:
    @jobs.command
    async def work(request: int) -> int:
        return request

    async def main(number: int) -> int:
        async with jobs:
            return await jobs.run(work, number, worker="w")

    assert [asyncio.run(main(number)) for number in range(2)] == [0, 1]
    assert len(jobs.runs.latest()) == 2
