"""A stop gives running jobs their grace, hands back the rest without a charge, and writes every outcome."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from typing import Any

import anyio
import pytest

from dbjobs import JobContext, Jobs, JobState
from dbjobs.engine.children import refusal
from tests.conformance.helpers import Gate, Runs, assert_each_once, eventually, nodes, state_of, wait_all, whole_list

pytestmark = pytest.mark.about_us


async def test_a_running_job_may_end_within_the_grace(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    async with jobs:
        async with jobs.start(grace_seconds=20):
            ref = await jobs.enqueue("slow")
            await gate.wait_entered()
            asyncio.get_running_loop().call_later(0.1, gate.open)
        done = await jobs.get(ref)
    assert done is not None
    assert (done.state, done.attempt, gate.cancelled) == (JobState.COMPLETED, 1, 0)


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_after_the_grace_a_job_is_handed_back_uncharged_and_runs_elsewhere(url: str, worker: str | None) -> None:
    gate = Gate()
    attempts: list[int] = []

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        async def slow(job: JobContext) -> None:
            attempts.append(job.attempt)
            assert job.last_try
            await gate()

    async with Jobs(url) as client:
        client.declare("slow", retry_limit=0)
        async with nodes(url, 1, register, grace_seconds=0):
            refs = [await client.enqueue("slow", worker=worker) for _ in range(5)]
            await gate.wait_entered()
        for ref in refs:
            job = await client.get(ref)
            assert job is not None
            assert (job.state, job.node_id, job.errors) == (JobState.QUEUED, None, ())
        assert gate.cancelled >= 1
        gate.open()
        async with nodes(url, 1, register):
            ended = await wait_all(client, refs)
    # An attempt's number is never used twice, and the only try that the retry limit allows was still there.
    assert {job.state for job in ended} == {JobState.COMPLETED}
    assert len(attempts) == len(refs) + gate.cancelled
    assert max(attempts) == 2


async def test_every_outcome_is_written_before_the_block_ends(jobs: Jobs) -> None:
    done: list[int] = []

    @jobs.command
    async def note(request: int) -> None:
        done.append(request)

    async with jobs:
        refs = await jobs.enqueue_many(note, range(2000))
        async with jobs.start():
            await eventually(lambda: len(done) > 300, "the drain is under way")
        states = Counter(row.state for row in await whole_list(jobs))
        assert states == {JobState.COMPLETED: len(done), JobState.QUEUED: 2000 - len(done)}
        async with jobs.start():
            await wait_all(jobs, refs)
        await assert_each_once(jobs, refs)
    assert sorted(done) == list(range(2000))


async def test_a_stopped_node_leaves_no_trace(jobs: Jobs) -> None:
    async with jobs:
        async with jobs.start() as engine:
            nodes_ = await jobs.nodes()
            assert [node.id for node in nodes_] == [engine.node_id]
            assert nodes_[0].alive
            assert nodes_[0].info["concurrency"] == 100
        assert await jobs.nodes() == []


async def test_a_new_start_has_a_new_node_id(jobs: Jobs) -> None:
    ids = []
    for _ in range(3):
        async with jobs.start() as engine:
            ids.append(engine.node_id)
    assert len(set(ids)) == 3


@pytest.mark.once
@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_plain_handler_that_outlasts_the_stop_keeps_its_job_and_its_lane(
    url: str, worker: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can stop a thread: the stop ends without it, and no other node runs beside it."""
    go_on = threading.Event()
    runs = Runs()
    started = threading.Event()

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        def hang(request: int) -> str:
            with runs.run(request):
                started.set()
                if request == 0:
                    go_on.wait(60)
            return "done"

        @jobs.command
        async def other() -> str:
            return "well"

    lease_seconds = 2.0
    try:
        async with Jobs(url) as client:
            client.declare("hang", retry_limit=0)
            client.declare("other")
            began = time.monotonic()
            async with nodes(
                url, 1, register, grace_seconds=0.2, unresponsive_seconds=0.5, lease_seconds=lease_seconds
            ):
                refs = [await client.enqueue("hang", n, worker=worker) for n in range(1 if worker is None else 3)]
                assert await asyncio.to_thread(started.wait, 10)
                began = time.monotonic()
            assert time.monotonic() - began < 10, "the stop waits for a thread"
            assert f"job {refs[0].id} (hang) still runs in a thread" in caplog.text
            async with nodes(url, 1, register, lease_seconds=lease_seconds):
                until = time.monotonic() + lease_seconds * 2
                while time.monotonic() < until:  # others do their work meanwhile, and leave this job alone
                    assert (await client.wait(await client.enqueue("other"), timeout=10)).response == "well"
                    await asyncio.sleep(0.1)
                assert runs.order == [0]
                assert await state_of(client, refs[0]) is JobState.STARTED
                go_on.set()
                ended = await wait_all(client, refs)
            assert {(job.state, job.response) for job in ended} == {(JobState.COMPLETED, "done")}
            assert runs.most[None] == 1
            assert runs.order == [0, *range(len(refs))]
            await eventually(lambda: no_nodes(client), "the first node has signed off as well")
    finally:
        go_on.set()


async def no_nodes(client: Jobs) -> bool:
    return not await client.nodes()


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_plain_handler_that_ends_after_its_grace_has_done_its_work(url: str, worker: str | None) -> None:
    started = threading.Event()
    calls: list[int] = []

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        def slow(job: JobContext) -> str:
            started.set()
            calls.append(job.attempt)
            while not job.cancelled:
                time.sleep(0.01)
            return "done"

    async with Jobs(url) as client:
        client.declare("slow")
        async with nodes(url, 1, register, grace_seconds=0):
            ref = await client.enqueue("slow", worker=worker)
            assert await asyncio.to_thread(started.wait, 10)
        job = await client.get(ref)
        assert job is not None
        assert (job.state, job.response, calls) == (JobState.COMPLETED, "done", [1])
        assert await no_nodes(client)


@pytest.mark.once
@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_handler_that_swallows_its_cancellation_does_not_hold_up_a_stop(
    url: str, worker: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted: list[float] = []
    entered = asyncio.Event()
    ended = asyncio.Event()

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=0)
        async def stubborn() -> None:
            try:
                while True:
                    try:
                        entered.set()
                        await asyncio.sleep(60)
                    except asyncio.CancelledError:
                        interrupted.append(time.monotonic())
            finally:
                ended.set()

    async with Jobs(url) as client:
        client.declare("stubborn")
        async with nodes(url, 1, register, grace_seconds=0, unresponsive_seconds=2.5):
            ref = await client.enqueue("stubborn", worker=worker)
            await entered.wait()
            began = time.monotonic()
        assert time.monotonic() - began < 10
        assert ended.is_set(), "it goes on"
        assert 1 <= len(interrupted) <= 5, "it is interrupted once, and then once a second"
        assert await state_of(client, ref) is JobState.QUEUED
        assert await no_nodes(client)


@pytest.mark.once
async def test_a_cancelled_handler_may_wait_in_its_clean_up(jobs: Jobs) -> None:
    cleaned: list[str] = []
    entered = asyncio.Event()

    @jobs.command(timeout=0.1, retry_limit=0)
    async def careful() -> None:
        try:
            entered.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            cleaned.append("up")

    async with jobs.start():
        ended = await jobs.wait(await jobs.enqueue(careful), timeout=10)
    assert (ended.error_code, cleaned) == ("timeout", ["up"])


@pytest.mark.once
async def test_a_cancellation_waits_for_the_end_of_a_shield(jobs: Jobs) -> None:
    """As drivers and HTTP clients use it around what must not be broken off."""
    committed: list[str] = []

    @jobs.command(timeout=0.1, retry_limit=0)
    async def commits() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.4)
            committed.append("all of it")
        await anyio.sleep(60)

    async with jobs.start():
        ended = await jobs.wait(await jobs.enqueue(commits), timeout=10)
    assert (ended.error_code, committed) == ("timeout", ["all of it"])


def pid_of() -> int:
    return os.getpid()


@pytest.mark.once
async def test_a_stop_waits_for_nobody_who_fills_the_loop_s_threads(url: str) -> None:
    """An application may keep every thread of the event loop's default executor busy, for as long as it likes."""
    released = threading.Event()
    giving_up = threading.Timer(40, released.set)  # only so that a stop that waits fails, and does not hang
    giving_up.start()
    loop = asyncio.get_running_loop()
    busy: list[asyncio.Future[bool]] = []
    jobs = Jobs(url)
    jobs.command(process=refusal() is None)(pid_of)
    try:
        async with jobs.start(grace_seconds=0):
            await jobs.wait(await jobs.enqueue(pid_of), timeout=30)
            busy += [loop.run_in_executor(None, released.wait) for _ in range(64)]  # it has 32 at most
        assert not released.is_set(), "it has waited for the application's threads"
    finally:
        released.set()
        giving_up.cancel()
        await asyncio.gather(*busy)


@pytest.mark.once
async def test_an_error_in_the_block_comes_out_as_it_is(jobs: Jobs) -> None:
    jobs.command(name="slow")(Gate())

    async def block() -> None:
        async with jobs.start(grace_seconds=0):
            await jobs.enqueue("slow")
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await block()


@pytest.mark.once
async def test_a_cancelled_block_still_gives_its_jobs_their_grace(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    refs: list[Any] = []
    async with jobs:
        with anyio.CancelScope() as scope:
            async with jobs.start(grace_seconds=20):
                refs.append(await jobs.enqueue("slow"))
                await gate.wait_entered()
                asyncio.get_running_loop().call_later(0.2, gate.open)
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert gate.cancelled == 0
        assert await state_of(jobs, refs[0]) is JobState.COMPLETED


async def test_a_cancelled_block_hands_its_jobs_back(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    refs: list[Any] = []
    async with jobs:
        with anyio.CancelScope() as scope:
            async with jobs.start(grace_seconds=0):
                refs.append(await jobs.enqueue("slow"))
                await gate.wait_entered()
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert await state_of(jobs, refs[0]) is JobState.QUEUED
        assert await jobs.nodes() == []


@pytest.mark.once
async def test_a_stop_asked_for_through_the_engine_ends_run_forever(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command
    async def stop() -> None:
        assert jobs._client.engine is not None
        jobs._client.engine.stop()
        await gate()

    async with jobs:
        ref = await jobs.enqueue(stop)
        asyncio.get_running_loop().call_later(0.5, gate.open)
        with anyio.fail_after(20):
            await jobs.run_forever(signals=False, grace_seconds=10)
        assert await state_of(jobs, ref) is JobState.COMPLETED


@pytest.mark.once
async def test_start_twice_is_refused(jobs: Jobs) -> None:
    from dbjobs import InvalidOption

    async with jobs.start():
        with pytest.raises(InvalidOption, match="running already"):
            async with jobs.start():
                pass
