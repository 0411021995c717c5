"""Plain handlers have places of their own: no job is claimed that has none, and no wait for one counts as its time."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import Gate, Runs, eventually, state_of, wait_all

pytestmark = pytest.mark.once


async def test_the_timeout_does_not_count_the_wait_for_a_thread(jobs: Jobs) -> None:
    """More jobs than threads: each of them has its whole time when it starts."""

    @jobs.command(timeout=0.9, retry_limit=0)
    def work() -> str:
        time.sleep(0.5)
        return "done"

    async with jobs.start(threads=4):
        refs = [await jobs.enqueue(work) for _ in range(14)]
        done = await wait_all(jobs, refs)
    assert [job.response for job in done] == ["done"] * 14
    assert {job.attempt for job in done} == {1}


async def test_no_more_than_threads_are_claimed_and_async_handlers_go_past_them(jobs: Jobs) -> None:
    go_on = threading.Event()
    runs = Runs()

    @jobs.command
    def plain() -> None:
        with runs.run("plain"):
            go_on.wait(20)

    @jobs.command
    async def light() -> str:
        return "at once"

    try:
        async with jobs.start(threads=3) as engine:
            heavy = [await jobs.enqueue(plain) for _ in range(10)]
            await eventually(lambda: runs.now() == 3, "every thread is taken")
            done = await wait_all(jobs, [await jobs.enqueue(light) for _ in range(20)])
            assert {job.response for job in done} == {"at once"}
            assert len(engine._runners.memory.held) == 3
            states = [await state_of(jobs, ref) for ref in heavy]
            assert states.count(JobState.QUEUED) == 7, "another node may have them"
            go_on.set()
            await wait_all(jobs, heavy)
    finally:
        go_on.set()
    assert runs.most[None] == 3


async def test_async_handlers_that_take_every_slot_leave_plain_ones_where_they_are(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)

    @jobs.command
    def plain() -> str:
        return "done"

    async with jobs.start(concurrency=2):
        slow = [await jobs.enqueue("slow") for _ in range(2)]
        await eventually(lambda: gate.inside == 2, "every slot is taken")
        ref = await jobs.enqueue(plain)
        await asyncio.sleep(0.3)
        assert await state_of(jobs, ref) is JobState.QUEUED
        gate.open()
        await wait_all(jobs, [ref, *slow])


@pytest.mark.parametrize("threads", [1, 5])
async def test_a_lane_with_handlers_of_several_kinds_keeps_its_order(jobs: Jobs, threads: int) -> None:
    order: list[int] = []

    @jobs.command
    def plain(request: int) -> None:
        order.append(request)

    @jobs.command
    async def light(request: int) -> None:
        order.append(request)

    async with jobs:
        refs = [await jobs.enqueue(plain if n % 3 else light, n, worker="w") for n in range(30)]
        async with jobs.start(threads=threads):
            await wait_all(jobs, refs)
    assert order == [*range(30)]


async def test_a_thread_that_was_left_behind_keeps_its_place(jobs: Jobs) -> None:
    go_on = threading.Event()

    @jobs.command(timeout=0.1, retry_limit=0)
    def hangs() -> None:
        go_on.wait(20)

    @jobs.command
    def plain() -> str:
        return "done"

    try:
        async with jobs.start(threads=1) as engine:
            ref = await jobs.enqueue(hangs)
            assert (await jobs.wait(ref, timeout=10)).error_code == "timeout"
            waits = await jobs.enqueue(plain)
            await asyncio.sleep(0.3)
            assert await state_of(jobs, waits) is JobState.QUEUED
            assert engine._runners.crews["thread"].busy == 1
            go_on.set()
            assert (await jobs.wait(waits, timeout=10)).response == "done"
    finally:
        go_on.set()
