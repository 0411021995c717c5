"""Handlers of every shape: async, plain, objects, in a process; with a request, a context, both or none."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial, wraps
from typing import Any

import pytest

from dbjobs import Cancel, InvalidOption, JobContext, Jobs, JobState, UnknownCommand
from tests.conformance.helpers import needs_process_groups

pytestmark = pytest.mark.about_us


def process_id(request: int) -> int:
    return os.getpid() + request * 0


def fails_in_process() -> None:
    raise ValueError("from the other side")


async def run(jobs: Jobs, command: Any, request: Any = None, **options: Any) -> Any:
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(command, request, **options), timeout=20)
    assert done.state is JobState.COMPLETED, done.error
    return done.response


async def test_an_async_handler_runs_on_the_event_loop(jobs: Jobs) -> None:
    @jobs.command
    async def here() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await run(jobs, here) is True


async def test_a_plain_handler_runs_in_a_thread(jobs: Jobs) -> None:
    @jobs.command
    def there(request: int, job: JobContext) -> list[Any]:
        job.log("from a thread")
        job.progress(1.0)
        return [request, threading.current_thread() is threading.main_thread()]

    assert await run(jobs, there, 5) == [5, False]


@pytest.mark.once
async def test_plain_handlers_do_not_stop_the_event_loop(jobs: Jobs) -> None:
    barrier = threading.Barrier(4)

    @jobs.command
    def meet(request: int) -> int:
        return barrier.wait(timeout=10)

    async with jobs.start():
        refs = await jobs.enqueue_many(meet, range(3))
        await asyncio.to_thread(barrier.wait, 10)
        assert {(await jobs.wait(ref, timeout=10)).state for ref in refs} == {JobState.COMPLETED}


@pytest.mark.once
async def test_an_object_with_call_is_a_handler(jobs: Jobs) -> None:
    class Greeter:
        greeting = "hello"

        async def __call__(self, request: str) -> str:
            return f"{self.greeting} {request}"

    greeter = Greeter()
    jobs.command(name="greet")(greeter)
    assert await run(jobs, greeter, "you") == "hello you"


@pytest.mark.once
async def test_a_bound_method_is_a_handler(jobs: Jobs) -> None:
    class Service:
        async def double(self, request: int) -> int:
            return request * 2

    jobs.command(Service().double)
    assert await run(jobs, "double", 21) == 42


@pytest.mark.once
async def test_a_partial_is_a_handler(jobs: Jobs) -> None:
    async def add(more: int, request: int) -> int:
        return more + request

    jobs.command(name="add_two")(partial(add, 2))
    assert await run(jobs, "add_two", 3) == 5


async def doubled(request: int, job: JobContext) -> int:
    """Async, and found out by its waiting."""
    await asyncio.sleep(0)
    return request * 2


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **more: Any) -> Any:
        return function(*args, **more)

    return wrapper


def told_nothing(request: int, job: JobContext) -> Awaitable[int]:
    return doubled(request, job)


class Twice:
    def __call__(self, request: int, job: JobContext) -> Awaitable[int]:
        return doubled(request, job)


class Logged:
    @logged
    async def __call__(self, request: int, job: JobContext) -> int:
        return await doubled(request, job)


@pytest.mark.once
@pytest.mark.parametrize(
    "handler",
    [
        doubled,
        logged(doubled),
        logged(logged(doubled)),
        told_nothing,
        partial(doubled),
        partial(logged(doubled)),
        Twice(),
        Logged(),
        Logged().__call__,
    ],
    ids=["async", "wraps", "wraps twice", "plain", "partial", "partial of wraps", "call", "wrapped call", "method"],
)
async def test_an_async_handler_is_awaited_whatever_stands_in_front_of_it(jobs: Jobs, handler: Any) -> None:
    jobs.command(name="double", retry_limit=0)(handler)
    assert await run(jobs, "double", 21) == 42


@pytest.mark.once
async def test_an_async_handler_behind_a_plain_one_can_be_cancelled(jobs: Jobs) -> None:
    waiting = asyncio.Event()

    async def endless() -> None:
        waiting.set()
        await asyncio.Event().wait()

    @jobs.command
    def hides() -> Any:
        return endless()

    async with jobs.start():
        ref = await jobs.enqueue(hides)
        async with asyncio.timeout(20):
            await waiting.wait()
        assert await jobs.cancel(ref)
        assert (await jobs.wait(ref, timeout=20)).state is JobState.CANCELLED


@pytest.mark.once
async def test_what_a_cancelled_plain_handler_hides_is_not_begun(jobs: Jobs) -> None:
    inside, begun = threading.Event(), threading.Event()

    async def hidden() -> None:
        begun.set()

    @jobs.command
    def hides(job: JobContext) -> Any:
        inside.set()
        while not job.cancelled:
            time.sleep(0.01)
        return hidden()

    async with jobs.start():
        ref = await jobs.enqueue(hides, worker="lane")  # a lane waits for its thread
        assert await asyncio.to_thread(inside.wait, 20)
        assert await jobs.cancel(ref)
        assert (await jobs.wait(ref, timeout=20)).state is JobState.CANCELLED
    assert not begun.is_set()


@pytest.mark.once
async def test_a_wrapper_that_waits_by_itself_has_the_response(jobs: Jobs) -> None:
    async def work(request: int) -> int:
        return request * 2

    @jobs.command
    @wraps(work)
    def by_hand(request: int) -> int:
        coroutine = work(request)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return int(stop.value)
        raise AssertionError("it waits")

    assert await run(jobs, by_hand, 21) == 42


@dataclass
class Receipt:
    at: datetime
    lines: tuple[int, ...]


RECEIPT = Receipt(datetime(2026, 5, 1, 12, 30), (1, 2))


@pytest.mark.once
async def test_a_response_is_of_the_type_that_its_handler_declares(jobs: Jobs, url: str) -> None:
    @jobs.command
    async def pay() -> Receipt:
        return RECEIPT

    @jobs.command
    def pay_later(request: str) -> list[Receipt] | None:
        return [RECEIPT]

    @jobs.command
    async def read(job: JobContext) -> str:
        [parent] = await job.parents()
        assert parent.response == RECEIPT
        return "ok"

    async with jobs.start():
        ref = await jobs.enqueue(pay)
        assert (await jobs.wait(ref, timeout=20)).response == RECEIPT
        found = await jobs.get(ref)
        assert found is not None
        assert found.response == RECEIPT
        assert (await jobs.wait(await jobs.enqueue(pay_later, "x"), timeout=20)).response == [RECEIPT]
        assert (await jobs.wait(await jobs.enqueue(read, depends_on=ref), timeout=20)).response == "ok"
    async with Jobs(url) as elsewhere:
        plain = await elsewhere.get(ref.id)
        assert plain is not None
        assert plain.response == {"at": "2026-05-01T12:30:00", "lines": [1, 2]}, "nothing is known of the handler there"


@pytest.mark.once
async def test_a_response_of_another_type_than_declared_is_what_it_is(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    @jobs.command
    async def lies() -> Receipt:
        return {"at": "never"}  # type: ignore[return-value]

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(lies), timeout=20)
    assert done.response == {"at": "never"}  # type: ignore[comparison-overlap]
    assert "the response of 'lies' does not fit the type that it declares" in caplog.text


@needs_process_groups
async def test_a_process_handler_runs_in_another_process(jobs: Jobs) -> None:
    jobs.command(process=True)(process_id)
    assert await run(jobs, process_id, 1) != os.getpid()


@pytest.mark.once
@needs_process_groups
async def test_a_process_handler_s_error_is_kept(jobs: Jobs) -> None:
    jobs.command(process=True, retry_limit=0)(fails_in_process)
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fails_in_process), timeout=20)
    assert (done.state, done.error) == (JobState.FAILED, "ValueError: from the other side")


@pytest.mark.once
async def test_a_handler_may_take_the_context_alone_or_nothing(jobs: Jobs) -> None:
    @jobs.command
    async def alone(job: JobContext) -> int:
        return job.id

    @jobs.command
    async def nothing() -> str:
        return "done"

    async with jobs.start():
        ref = await jobs.enqueue(alone)
        assert (await jobs.wait(ref, timeout=10)).response == ref.id
        assert (await jobs.wait(await jobs.enqueue(nothing), timeout=10)).response == "done"


@pytest.mark.once
async def test_a_command_is_named_by_its_handler_or_its_name(jobs: Jobs) -> None:
    @jobs.command(name="mail.send")
    async def send(request: str) -> str:
        return request

    assert await run(jobs, "mail.send", "a") == "a"
    assert await run(jobs, send, "b") == "b"


@pytest.mark.once
async def test_an_unknown_command_is_refused_with_the_nearest_name(jobs: Jobs) -> None:
    @jobs.command
    async def send_email() -> None: ...

    async with jobs:
        with pytest.raises(UnknownCommand, match=r"'send_mail'.*did you mean 'send_email'"):
            await jobs.enqueue("send_mail")
        with pytest.raises(UnknownCommand, match="<lambda>"):
            await jobs.enqueue(lambda: None)
        assert await jobs.list() == []


@pytest.mark.once
def test_a_name_is_given_once(jobs: Jobs) -> None:
    async def work() -> None: ...

    jobs.command(work)
    with pytest.raises(InvalidOption, match="'work' is already registered"):
        jobs.command(name="work")(lambda: None)


@pytest.mark.once
@pytest.mark.parametrize(
    ("handler", "options", "words"),
    [
        (lambda a, b, c: None, {}, "takes 3 arguments"),
        ("not a function", {}, "must be callable"),
        (run, {"process": True}, "plain function"),
        (lambda: None, {"prioriti": 1}, "did you mean 'priority'"),
        (lambda: None, {"ref_id": "x"}, "cannot be a default"),
        (lambda: (yield), {}, "generator"),
    ],
)
def test_a_handler_that_cannot_work_is_refused_when_it_is_registered(
    jobs: Jobs, handler: Any, options: Any, words: str
) -> None:
    with pytest.raises(InvalidOption, match=words):
        jobs.command(name="bad", **options)(handler)


class BadText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"),
        ValueError("nul \0 and surrogate \ud800"),
        ValueError("x" * 100_000),
        SystemExit(3),
        asyncio.CancelledError(),
        ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
        BaseExceptionGroup("several", [SystemExit(1)]),
        StopAsyncIteration(),
        GeneratorExit(),
        BadText(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_handler_raises_fails_that_job_and_not_the_node(jobs: Jobs, error: BaseException) -> None:
    @jobs.command(retry_limit=0)
    async def bad() -> None:
        raise error

    @jobs.command
    async def good() -> str:
        return "well"

    async with jobs.start(concurrency=1):
        failed = await jobs.wait(await jobs.enqueue(bad), timeout=10)
        done = await jobs.wait(await jobs.enqueue(good), timeout=10)
    assert failed.state is JobState.FAILED
    assert failed.error
    assert type(error).__name__ in failed.error
    assert len(failed.errors) == 1
    assert done.response == "well"


async def test_a_response_that_cannot_be_stored_fails_the_job_with_the_reason(jobs: Jobs) -> None:
    @jobs.command
    async def bad() -> object:
        return object()

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(bad), timeout=10)
    assert done.state is JobState.FAILED
    assert done.attempt == 1, "trying again would give the same"
    assert done.error_code == "InvalidResponse"
    assert "the response of 'bad' cannot be serialised" in (done.error or "")


async def test_cancel_ends_a_job_for_good(jobs: Jobs) -> None:
    @jobs.command(retry_limit=5)
    async def useless() -> None:
        raise Cancel("no longer wanted")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(useless), timeout=10)
    assert (done.state, done.error, done.attempt) == (JobState.CANCELLED, "no longer wanted", 1)


@pytest.mark.once
async def test_a_request_with_a_default_may_be_left_out(jobs: Jobs) -> None:
    @jobs.command
    async def alone(number: int = 5) -> int:
        return number

    @jobs.command
    def beside_the_job(number: int = 6, job: JobContext | None = None) -> int:
        return number

    @jobs.command
    async def with_context(number: int = 7, *, more: int = 1) -> int:
        return number + more

    async with jobs.start():
        for command, without, given in ((alone, 5, 1), (beside_the_job, 6, 1), (with_context, 8, 2)):
            assert (await jobs.wait(await jobs.enqueue(command), timeout=10)).response == without
            assert (await jobs.wait(await jobs.enqueue(command, 1), timeout=10)).response == given
