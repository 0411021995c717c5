"""dbjobs runs on asyncio, with uvloop's event loop too; under trio it says so at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from dbjobs import JobContext, Jobs, JobState, WrongLoop


async def start(jobs: Jobs) -> None:
    async with jobs.start():
        pass


CALLS: dict[str, Callable[[Jobs], Awaitable[Any]]] = {
    "open": lambda jobs: jobs.__aenter__(),
    "start": start,
    "run_forever": lambda jobs: jobs.run_forever(),
    "enqueue": lambda jobs: jobs.enqueue("work"),
    "enqueue_many": lambda jobs: jobs.enqueue_many("work", [None]),
    "wait": lambda jobs: jobs.wait(1),
    "list": lambda jobs: jobs.list(),
}


@pytest.mark.parametrize("name", CALLS)
def test_under_trio_one_clear_error_is_raised(name: str, tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    jobs.declare("work")

    async def main() -> None:
        with pytest.raises(WrongLoop, match=r"\(or uvloop\), and no asyncio event loop runs here"):
            await CALLS[name](jobs)

    trio.run(main)
    assert not list(tmp_path.iterdir())


def test_a_job_runs_on_uvloop(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not made for this platform")
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")

    @jobs.command
    async def work(request: int, job: JobContext) -> str:
        job.progress(0.5, "half way")
        async with job.transaction():
            job.respond(f"{request} in {type(asyncio.get_running_loop()).__module__}")
        return ""

    @jobs.command
    def plain(request: int) -> int:
        return request * 2

    @jobs.command(timeout=0.1, retry_limit=0)
    async def endless() -> None:
        await asyncio.sleep(600)

    async def main() -> None:
        async with jobs.start(grace_seconds=5):
            refs = await jobs.enqueue_many(plain, range(50), worker="lane")
            ref, late = await jobs.enqueue(work, 5, tag="x"), await jobs.enqueue(endless)
            assert (await jobs.wait(ref, timeout=30)).response == "5 in uvloop"
            assert (await jobs.wait(late, timeout=30)).error_code == "timeout"
            for number, one in enumerate(refs):
                ended = await jobs.wait(one, timeout=30)
                assert (ended.state, ended.response) == (JobState.COMPLETED, number * 2)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    with asyncio.Runner() as runner:  # and the same object on another loop
        runner.run(main_again(jobs))


async def main_again(jobs: Jobs) -> None:
    async with jobs:
        assert len(await jobs.list(limit=100)) == 52
