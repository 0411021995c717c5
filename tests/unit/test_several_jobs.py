"""Several Jobs objects in one process: blocking clients, tests of applications, and the signals that end them all."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from dbjobs import Jobs
from dbjobs.engine.signals import signalled
from dbjobs.testing import assert_enqueued, assert_not_enqueued, drain, frozen_time, inline, temporary_database
from tests.conformance.helpers import eventually


def two(folder: Path) -> tuple[Jobs, Jobs]:
    """Two applications that have a command of the same name."""
    pair = Jobs(f"sqlite:///{folder}/first.db"), Jobs(f"sqlite:///{folder}/second.db")
    for name, jobs in zip(("first", "second"), pair, strict=True):
        jobs.command(lambda request, name=name: f"{name} {request}", name="work")
    return pair


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_blocking_clients_have_a_database_and_a_thread_each(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    refs = [jobs.sync.enqueue("work", n, ref_id="the same key") for n, jobs in enumerate((first, second))]
    assert all(ref.created for ref in refs)
    first.sync.close()
    job = second.sync.get_by_ref_id("the same key")
    assert job is not None
    assert job.request == 1
    again = first.sync.get_by_ref_id("the same key")  # opens it once more
    assert again is not None
    assert again.request == 0
    first.sync.close()
    second.sync.close()


async def test_each_has_a_temporary_database_of_its_own(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    with temporary_database(first), temporary_database(second):
        async with first, second:
            await first.enqueue("work", 1)
            await assert_enqueued(first, "work", request=1)
            await assert_not_enqueued(second, "work")
            assert await drain(second) == []
            assert [job.response for job in await drain(first)] == ["first 1"]
    assert files_in(tmp_path) == []  # nothing at their own URLs


async def test_one_runs_inline_and_the_other_as_always(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    async with inline(first), second:
        done = await first.get(await first.enqueue("work", 1))
        waits = await second.get(await second.enqueue("work", 2))
        assert done is not None
        assert waits is not None
        assert (done.response, waits.state) == ("first 1", "queued")


async def test_the_clock_of_one_is_frozen(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    with temporary_database(first), temporary_database(second), frozen_time(first) as clock:
        async with first, second:
            for jobs in (first, second):
                await jobs.enqueue("work", 1, run_after=timedelta(days=1))
            clock.move(timedelta(days=2))
            assert [job.response for job in await drain(first)] == ["first 1"]
            assert await drain(second) == []


async def test_a_signal_reaches_everybody_in_the_loop_and_then_nobody() -> None:
    heard: list[str] = []
    told = asyncio.Event()

    def hears(name: str) -> None:
        heard.append(name)
        if len(heard) in (2, 3):
            told.set()

    before = signal.getsignal(signal.SIGTERM)
    first, second = signalled(lambda _: hears("first")), signalled(lambda _: hears("second"))
    first.__enter__()
    second.__enter__()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), 20)
        assert sorted(heard) == ["first", "second"]
        first.__exit__(None, None, None)  # the one that was there first goes first
        told.clear()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), 20)
        assert heard[2:] == ["second"]
    finally:
        second.__exit__(None, None, None)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_applications_that_run_for_ever_in_one_loop_all_stop_at_a_signal(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    pair = two(tmp_path)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for at in order:
            group.create_task(pair[at].run_forever())
        await eventually(lambda: all(jobs._client.is_working for jobs in pair), "both work")
        os.kill(os.getpid(), signal.SIGTERM)
