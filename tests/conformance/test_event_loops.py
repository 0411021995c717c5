"""A Jobs object belongs to the event loop that it is open in; another loop is refused before it does damage."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from functools import partial

import anyio
import anyio.from_thread
import pytest

from dbjobs import JobRef, Jobs, NotRunning, WrongLoop
from tests.conformance.helpers import wait_all

pytestmark = pytest.mark.about_us


async def test_a_loop_in_a_plain_handler_is_refused_and_told_what_works(jobs: Jobs) -> None:
    refused: list[BaseException] = []

    @jobs.command
    def plain() -> int:
        for call in (lambda: jobs.enqueue("leaf"), lambda: jobs.list(), lambda: jobs.wait(1), jobs.__aenter__):
            with pytest.raises(NotRunning) as raised:
                asyncio.run(call())
            refused.append(raised.value)
        ref = anyio.from_thread.run(partial(jobs.enqueue, "leaf", tag="from a thread"))
        assert isinstance(ref, JobRef)
        return ref.id

    @jobs.command
    async def leaf() -> str:
        return "well"

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(plain), timeout=10)
        assert done.response, done.error
        assert (await jobs.wait(done.response, timeout=10)).response == "well"
        await wait_all(jobs, [await jobs.enqueue(leaf) for _ in range(20)])
    assert [type(error) for error in refused] == [WrongLoop] * 4
    assert all("anyio.from_thread.run(jobs.enqueue, command, request)" in str(error) for error in refused)


async def test_two_threads_with_a_loop_each_are_told_apart(jobs: Jobs) -> None:
    told: list[str] = []

    def other() -> None:
        async def main() -> None:
            with pytest.raises(WrongLoop) as raised:
                await jobs.enqueue("work")
            told.append(str(raised.value))

        asyncio.run(main())

    jobs.declare("work")
    async with jobs:
        thread = threading.Thread(target=other)
        thread.start()
        await asyncio.to_thread(thread.join, 10)
        await jobs.enqueue("work")
    assert len(told) == 1


async def use(jobs: Jobs) -> int:
    """Enough at once for tasks and locks that belong to an event loop."""
    async with jobs.start():
        refs = [*await asyncio.gather(*(jobs.enqueue("work", tag=str(n)) for n in range(20)))]
        refs += await asyncio.gather(*(jobs.enqueue("work", ref_id="the same") for _ in range(3)))
        await wait_all(jobs, refs)
    return refs[-1].id


def test_twenty_enqueues_in_one_loop_after_another(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    assert len({asyncio.run(use(jobs)) for _ in range(3)}) == 1  # one ref_id, one job


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what drivers say of dead connections
def test_a_loop_that_ends_without_a_close_is_left_behind(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    async def careless() -> None:
        await jobs.__aenter__()
        await asyncio.gather(*(jobs.enqueue("work") for _ in range(20)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # what it leaves behind is what it is about
        asyncio.run(careless())
        asyncio.run(use(jobs))
        gc.collect()


async def test_what_fails_in_a_close_leaves_nothing_open(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.declare("work")

    async def fails() -> None:
        raise OSError("no")

    async with jobs:
        await jobs.enqueue("work")
        monkeypatch.setattr(jobs._client.waits, "close", fails)
        with pytest.raises(OSError, match="no"):
            await jobs.__aexit__(None, None, None)
        monkeypatch.undo()
        with pytest.raises(NotRunning):
            await jobs.enqueue("work")
        await jobs.__aenter__()
        await jobs.enqueue("work")


def test_one_loop_after_another_works(jobs: Jobs) -> None:
    jobs.declare("work")

    async def once() -> int:
        async with jobs:
            return (await jobs.enqueue("work")).id

    assert asyncio.run(once()) < asyncio.run(once())
