"""A node lives in a task of its own: its block may end in another task, and hears of it when the node ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from dbjobs import Jobs, JobState, WorkersStopped
from dbjobs.engine.keeper import kept


def application(folder: Path) -> Jobs:
    jobs = Jobs(f"sqlite:///{folder}/jobs.db")

    @jobs.command
    async def work(request: int) -> int:
        return request * 2

    return jobs


async def use(jobs: Jobs) -> None:
    ended = await jobs.wait(await jobs.enqueue("work", 5), timeout=30)
    assert (ended.state, ended.response) == (JobState.COMPLETED, 10)


async def test_a_block_that_begins_in_one_task_and_ends_in_another_starts_and_stops_a_node(tmp_path: Path) -> None:
    jobs = application(tmp_path)
    async with jobs:
        block = jobs.start()
        await asyncio.create_task(block.__aenter__())
        await use(jobs)
        assert await asyncio.create_task(block.__aexit__(None, None, None)) is False
        assert await jobs.nodes() == []


def test_a_fixture_enters_and_leaves_with_a_test_between_them(tmp_path: Path) -> None:
    """As pytest-asyncio does: a call of the runner, and so a task, for each part."""
    jobs = application(tmp_path)

    async def fixture() -> AsyncIterator[None]:
        async with jobs.start():
            yield

    async def end(steps: AsyncIterator[None]) -> None:
        with pytest.raises(StopAsyncIteration):
            await anext(steps)

    with asyncio.Runner() as runner:
        for _ in range(2):
            steps = fixture()
            runner.run(_next(steps))
            runner.run(use(jobs))
            runner.run(end(steps))


async def _next(steps: AsyncIterator[None]) -> None:
    await anext(steps)


class Context:
    """Stands where a node does: it may end by itself."""

    def __init__(self) -> None:
        self.dies = asyncio.Event()
        self.entered = asyncio.Event()
        self.left = False
        self.has_ended = asyncio.Event()
        self.slow_start: asyncio.Event | None = None
        self.slow_end: asyncio.Event | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._die, tasks)
                self.entered.set()
                if self.slow_start is not None:
                    await self.slow_start.wait()
                try:
                    yield
                finally:
                    if self.slow_end is not None:
                        with anyio.CancelScope(shield=True):
                            await self.slow_end.wait()
                    tasks.cancel_scope.cancel()
        finally:
            self.left = True
            self.has_ended.set()
        if self.dies.is_set():
            raise WorkersStopped("died")

    async def _die(self, tasks: anyio.abc.TaskGroup) -> None:
        await self.dies.wait()
        tasks.cancel_scope.cancel()


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_the_end_of_the_context_interrupts_the_block() -> None:
    context = Context()

    async def block() -> None:
        async with kept(context.open()):
            context.dies.set()
            await anyio.sleep_forever()

    with pytest.raises(WorkersStopped, match="died"):
        await block()
    assert cancellations() == 0
    await asyncio.sleep(0)  # and nothing is cancelled later


async def test_a_block_that_goes_on_all_the_same_is_told_at_its_end() -> None:
    context = Context()

    async def block() -> None:
        async with kept(context.open()):
            context.dies.set()
            with pytest.raises(asyncio.CancelledError):
                await anyio.sleep_forever()

    with pytest.raises(WorkersStopped, match="died"):
        await block()
    assert cancellations() == 0


async def test_a_task_that_has_ended_is_not_interrupted_and_the_end_is_told_where_the_block_ends() -> None:
    context = Context()
    block = kept(context.open())
    await asyncio.create_task(block.__aenter__())
    context.dies.set()
    await asyncio.wait_for(context.has_ended.wait(), 20)
    with pytest.raises(WorkersStopped, match="died"):
        await block.__aexit__(None, None, None)


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    context = Context()
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with kept(context.open()):
            raise error
    assert caught.value is error
    assert context.left


async def test_a_cancellation_from_outside_stays_one_and_leaves_the_context() -> None:
    context = Context()

    async def block() -> None:
        async with kept(context.open()):
            await anyio.sleep_forever()

    task = asyncio.create_task(block())
    await context.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.left

    context = Context()
    with anyio.move_on_after(0.01) as scope:
        async with kept(context.open()):
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert context.left


async def test_a_cancellation_while_it_starts_leaves_the_context() -> None:
    context = Context()
    context.slow_start = asyncio.Event()

    async def block() -> None:
        async with kept(context.open()):
            raise AssertionError("not reached")

    task = asyncio.create_task(block())
    await context.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.left


async def test_an_error_at_the_start_comes_out_as_it_is() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise ConnectionError("no")
        yield

    with pytest.raises(ConnectionError, match="no"):
        async with kept(broken()):
            raise AssertionError("not reached")


async def test_a_scope_that_is_cancelled_waits_for_the_end_and_a_second_cancellation_hurries_it() -> None:
    context = Context()
    context.slow_end = asyncio.Event()

    async def block() -> None:
        async with kept(context.open()):
            await anyio.sleep_forever()

    task = asyncio.create_task(block())
    await context.entered.wait()
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    assert not context.left, "what runs gets its grace"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert context.left
