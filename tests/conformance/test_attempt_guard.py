"""Nothing that happens in an attempt leaves it: one charge, one failed entry, and the slot goes on clean."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import anyio
import pytest

from dbjobs import Backoff, Cancel, InvalidOption, Job, JobContext, Jobs, JobState, RetryAfter
from tests.conformance.helpers import eventually

pytestmark = pytest.mark.about_us

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


class Panic(BaseException):
    """As PyO3 raises it when Rust code panics."""


class Mute(Exception):
    def __str__(self) -> str:
        raise Panic("no text")

    __repr__ = __str__


class OddName(type(Exception)):  # type: ignore[misc]
    @property
    def __name__(cls) -> NoReturn:
        raise RuntimeError("no name")


class Nameless(Exception, metaclass=OddName):
    pass


class OddNotes(Exception):
    @property
    def __notes__(self) -> NoReturn:  # type: ignore[override]
        raise Panic("no notes")

    @property
    def __cause__(self) -> NoReturn:  # type: ignore[override]
        raise Panic("no cause")


class OddText(str):
    def __len__(self) -> NoReturn:
        raise Panic("no length")

    __getitem__ = __format__ = encode = __len__  # type: ignore[assignment]


class Unreasonable:
    def __str__(self) -> NoReturn:
        raise Panic("no reason")


def odd_reason() -> Exception:
    error = Cancel("replaced")
    error.reason = ValueError("a reason that is no text")  # type: ignore[assignment]
    return error


def odd_delay(seconds: Any) -> Exception:
    error = RetryAfter(0)
    error.seconds = seconds
    return error


async def ends_and_goes_on(jobs: Jobs, handler: Any, **options: Any) -> Job:
    """Run the handler in the only slot; afterwards the slot runs another job."""
    jobs.command(name="bad", **options)(handler)

    @jobs.command
    async def good() -> str:
        await asyncio.sleep(0)
        return "well"

    async with jobs.start(concurrency=1):
        bad = await jobs.enqueue("bad")
        ended = await jobs.wait(bad, timeout=10)
        assert (await jobs.wait(await jobs.enqueue(good), timeout=10)).response == "well"
    return ended


@pytest.mark.once
@pytest.mark.parametrize(
    "error",
    [
        Panic("called `Option::unwrap()` on a `None` value"),
        KeyboardInterrupt(),
        SystemExit(0),
        GeneratorExit(),
        BaseExceptionGroup("several", [Panic("one"), KeyboardInterrupt()]),
        Mute(),
        Nameless(),
        OddNotes(),
        ValueError(Mute()),
    ],
    ids=lambda error: type.__dict__["__name__"].__get__(type(error)),
)
@pytest.mark.parametrize("kind", ["async", "later", "plain"])
async def test_whatever_is_raised_fails_one_attempt(jobs: Jobs, error: BaseException, kind: str) -> None:
    async def at_once() -> None:
        raise error

    async def later() -> None:
        await asyncio.sleep(0.001)
        raise error

    def plain() -> None:
        raise error

    handler: Any = {"async": at_once, "later": later, "plain": plain}[kind]
    ended = await ends_and_goes_on(jobs, handler, retry_limit=1, retry=AT_ONCE)
    assert (ended.state, ended.attempt, len(ended.errors)) == (JobState.FAILED, 2, 2)
    assert ended.error
    assert ended.error_code == type.__dict__["__name__"].__get__(type(error))


@pytest.mark.once
@pytest.mark.parametrize(
    "reason",
    [ValueError("why"), None, 7, Unreasonable(), OddText("odd"), b"bytes", "x" * 10_000],
    ids=["error", "none", "number", "unreasonable", "odd text", "bytes", "long"],
)
async def test_a_cancel_with_any_reason_ends_the_job(jobs: Jobs, reason: Any) -> None:
    async def handler() -> None:
        raise Cancel(reason)

    ended = await ends_and_goes_on(jobs, handler)
    assert (ended.state, len(ended.errors)) == (JobState.CANCELLED, 1)
    assert isinstance(ended.error, str)


async def _raise(error: Exception) -> None:
    raise error


@pytest.mark.once
@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([Cancel("enough")], "cancelled"),
        ([RetryAfter(3600)], "retry_after"),
        ([RetryAfter(3600), Cancel("enough")], "cancelled"),
        ([ExceptionGroup("inner", [Cancel("enough")])], "cancelled"),
        ([Cancel("enough"), ValueError("no way")], "ExceptionGroup"),
    ],
    ids=["cancel", "retry", "both", "nested", "beside an error"],
)
async def test_what_the_tasks_of_a_handler_say_of_its_job_counts(
    jobs: Jobs, errors: list[Exception], code: str
) -> None:
    """A task group wraps what its tasks raise; anything else among it is an error of the job."""

    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=3600.0))
    async def groups() -> None:
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(_raise(error))

    async with jobs.start(concurrency=1):
        ref = await jobs.enqueue(groups)

        async def has_ended() -> Job | None:
            job = await jobs.get(ref)
            return job if job is not None and job.errors else None

        tried = await eventually(has_ended, "its attempt has ended")
    assert tried.state is (JobState.CANCELLED if code == "cancelled" else JobState.SCHEDULED)
    assert tried.errors[0].code == code


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 10**400, "soon", None])
async def test_any_delay_that_a_handler_asks_for_is_stored(jobs: Jobs, seconds: Any) -> None:
    async def handler() -> None:
        raise odd_delay(seconds)

    jobs.command(name="bad")(handler)
    async with jobs.start(concurrency=1):
        ref = await jobs.enqueue("bad")

        async def waits() -> Job | None:
            job = await jobs.get(ref)
            return job if job is not None and job.state is JobState.SCHEDULED else None

        waiting = await eventually(waits, "the job waits for its next try")
    assert (waiting.attempt, waiting.errors[0].code) == (1, "retry_after")


@pytest.mark.parametrize("seconds", [float("nan"), -1, float("-inf")])
async def test_a_delay_that_is_none_is_no_delay_or_the_usual_one(jobs: Jobs, seconds: Any) -> None:
    async def handler() -> None:
        raise odd_delay(seconds)

    ended = await ends_and_goes_on(jobs, handler, retry_limit=1, retry=AT_ONCE)
    assert (ended.state, ended.attempt) == (JobState.FAILED, 2)


class Contrary:
    def __bool__(self) -> NoReturn:
        raise Panic("neither")


def raises_panic(job: JobContext, error: BaseException) -> bool:
    raise Panic("in the hook")


def asks_later(job: JobContext, error: BaseException) -> Any:
    async def answer() -> bool:
        return False

    return answer()


@pytest.mark.once
@pytest.mark.parametrize("hook", [raises_panic, lambda job, error: Contrary(), asks_later])
async def test_a_should_retry_hook_may_do_anything(jobs: Jobs, hook: Any) -> None:
    async def handler() -> None:
        raise ValueError("bad")

    ended = await ends_and_goes_on(jobs, handler, retry_limit=1, retry=AT_ONCE, should_retry=hook)
    assert (ended.state, ended.attempt, len(ended.errors)) == (JobState.FAILED, 2, 2)


@pytest.mark.once
async def test_an_async_should_retry_hook_is_refused(jobs: Jobs) -> None:
    async def hook(job: JobContext, error: BaseException) -> bool:
        return True

    with pytest.raises(InvalidOption, match="should_retry must be a plain function"):
        jobs.command(should_retry=hook, name="nothing")(lambda: None)  # type: ignore[arg-type]


class Odd:
    """A response that looks like a pydantic model."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def model_dump(self, mode: str) -> NoReturn:
        raise self._error


@pytest.mark.once
@pytest.mark.parametrize(
    "error",
    [AttributeError("no"), Mute(), Panic("no"), MemoryError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_response_whose_encoding_raises_anything_fails_its_job(jobs: Jobs, error: BaseException) -> None:
    async def handler() -> Odd:
        return Odd(error)

    ended = await ends_and_goes_on(jobs, handler, retry_limit=0)
    assert (ended.state, len(ended.errors)) == (JobState.FAILED, 1)


# --- cancellation --------------------------------------------------------------------------------


async def cancels_itself_and_returns() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return "done"


async def cancels_itself_and_waits() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(10)


async def swallows_its_own_cancellation() -> str:
    task = asyncio.current_task()
    assert task is not None
    for _ in range(3):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(10)
    return "done"


async def leaves_a_scope_open() -> str:
    anyio.CancelScope().__enter__()
    return "done"


async def leaves_a_cancelled_scope_open() -> str:
    scope = anyio.CancelScope()
    scope.__enter__()
    scope.cancel()
    return "done"


@pytest.mark.once
@pytest.mark.parametrize(
    "handler",
    [
        cancels_itself_and_returns,
        cancels_itself_and_waits,
        swallows_its_own_cancellation,
        leaves_a_scope_open,
        leaves_a_cancelled_scope_open,
    ],
)
async def test_cancellations_end_with_their_attempt(jobs: Jobs, handler: Callable[[], Awaitable[Any]]) -> None:
    ended = await ends_and_goes_on(jobs, handler, retry_limit=0)
    assert (ended.state, ended.attempt) == (
        JobState.FAILED if handler is cancels_itself_and_waits else JobState.COMPLETED,
        1,
    )


@pytest.mark.once
async def test_a_timer_left_behind_does_not_cancel_the_next_job(jobs: Jobs) -> None:
    """An async generator that is left inside ``asyncio.timeout``: the timer knows the task, and fires later."""
    left: list[Any] = []

    async def limited() -> AsyncIterator[int]:
        async with asyncio.timeout(0.05):
            yield 1
            yield 2

    @jobs.command
    async def leaves() -> int:
        generator = limited()
        left.append(generator)
        return await anext(generator)

    @jobs.command(retry_limit=0)
    async def sleeps() -> str:
        await asyncio.sleep(0.2)
        return "undisturbed"

    async with jobs.start(concurrency=1):
        refs = [await jobs.enqueue(leaves), await jobs.enqueue(sleeps)]
        done = [await jobs.wait(ref, timeout=10) for ref in refs]
    assert [job.response for job in done] == [1, "undisturbed"]


@pytest.mark.once
async def test_clean_handlers_share_a_slot(jobs: Jobs) -> None:
    """A slot is replaced for what a handler leaves behind; this must not happen to those that leave nothing."""
    tasks: list[int] = []
    kept: list[Any] = []

    @jobs.command
    async def work(request: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(id(task))
        kept.append(task.get_name())
        if request == "waits":
            await asyncio.sleep(0.001)
            async with asyncio.timeout(1), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0.001))
            with anyio.move_on_after(1):
                await anyio.sleep(0.001)

    async with jobs.start(concurrency=1):
        for request in ("returns", "waits", "returns", "waits"):
            await jobs.wait(await jobs.enqueue(work, request), timeout=10)
    assert len(tasks) == 4
    assert len(set(tasks)) == 1


# --- context variables ---------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("outcome", ["returns", "fails", "panics", "is cancelled", "times out"])
@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("worker", [None, "lane"])
async def test_context_variables_end_with_their_attempt(
    jobs: Jobs, outcome: str, kind: str, worker: str | None
) -> None:
    seen: list[str] = []
    own = tenant.set("the application's")

    def change() -> None:
        seen.append(tenant.get())
        tenant.set("somebody's")
        match outcome:
            case "fails":
                raise ValueError
            case "panics":
                raise Panic
            case "is cancelled":
                raise Cancel("enough")

    async def changes() -> None:
        change()
        await asyncio.sleep(0.001)
        assert tenant.get() == "somebody's", "it holds for the rest of the attempt"
        if outcome == "times out":
            await asyncio.sleep(10)

    try:
        jobs.command(name="work", retry_limit=0, timeout=0.1)(changes if kind == "async" else change)
        async with jobs.start(concurrency=1):
            refs = [await jobs.enqueue("work", worker=worker) for _ in range(4)]
            for ref in refs:
                await jobs.wait(ref, timeout=10)
    finally:
        tenant.reset(own)
    assert seen == ["the application's"] * 4


@pytest.mark.once
async def test_a_callback_does_not_see_the_body_s_variables(jobs: Jobs) -> None:
    seen: list[str] = []

    @jobs.command
    async def after() -> None:
        seen.append(tenant.get())

    @jobs.command(callback=after)
    async def body() -> None:
        tenant.set("the body's")

    async with jobs.start(concurrency=1):
        await jobs.wait(await jobs.enqueue(body), timeout=10)
    assert seen == ["nobody"]


@pytest.mark.once
async def test_a_task_that_a_handler_starts_inherits_its_context(jobs: Jobs) -> None:
    @jobs.command
    async def parent(request: None, job: JobContext) -> int:
        tenant.set("mine")

        async def child() -> tuple[str, int]:
            ref = await jobs.enqueue("leaf")
            row = await jobs.get(ref)
            assert row is not None
            assert row.parent_id is not None
            return tenant.get(), row.parent_id

        name, id = await asyncio.create_task(child())
        assert name == "mine"
        return id

    jobs.declare("leaf")
    async with jobs.start():
        ref = await jobs.enqueue(parent)
        assert (await jobs.wait(ref, timeout=10)).response == ref.id


@pytest.mark.once
def test_ctrl_c_is_not_taken_for_a_handler_s_error() -> None:
    from dbjobs.engine.execution import _is_ctrl_c

    # A shell lets its background jobs ignore SIGINT, and what they start inherits it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as raised:
            interrupted()
        assert _is_ctrl_c(raised.value)
        with pytest.raises(KeyboardInterrupt) as raised:
            interrupts()
        assert not _is_ctrl_c(raised.value)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)
    for _ in range(1000):
        sys.getrecursionlimit()


def interrupts() -> None:
    raise KeyboardInterrupt
