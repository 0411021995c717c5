"""Several Jobs objects in one process: their jobs, lanes, users, logs and runs know nothing of each other."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from dbjobs import JobContext, Jobs, JobState, current_user
from dbjobs.log_filter import JobFilter
from tests.conformance.helpers import Gate

pytestmark = pytest.mark.fresh


@pytest.fixture
def pair(url: str) -> tuple[Jobs, Jobs]:
    """Two applications in one database, each in a schema of its own."""
    return Jobs(url), Jobs(url, schema="second", user_resolver=lambda user_id: f"second's {user_id}")


@pytest.fixture
def apart(url: str, tmp_path: Path) -> tuple[Jobs, Jobs]:
    """Two databases."""
    return Jobs(url), Jobs(f"sqlite:///{tmp_path}/second.db")


async def test_commands_of_the_same_name_run_where_they_were_enqueued(pair: tuple[Jobs, Jobs]) -> None:
    first, second = pair

    @first.command(name="work")
    async def work_of_first(n: int) -> str:
        return f"first {n}"

    @second.command(name="work")
    async def work_of_second(n: int) -> str:
        return f"second {n}"

    async with first.start(concurrency=5), second.start(concurrency=5):
        refs = [(jobs, await jobs.enqueue("work", n)) for n in range(5) for jobs in (first, second)]
        done = [await jobs.wait(ref, timeout=30) for jobs, ref in refs]
        assert [job.response for job in done] == [f"{name} {n}" for n in range(5) for name in ("first", "second")]
        assert len(await first.list()) == len(await second.list()) == 5
        assert [node.alive for jobs in pair for node in await jobs.nodes()] == [True, True]
        # The inner one ends before the outer one, which goes on.
    async with first.start():
        async with second.start():
            pass
        assert (await first.wait(await first.enqueue("work", 9), timeout=30)).response == "first 9"


async def test_what_a_handler_enqueues_elsewhere_is_not_its_child(apart: tuple[Jobs, Jobs]) -> None:
    first, second = apart
    there: list[tuple[int | None, str | None]] = []

    @second.command(name="child")
    async def child_in_second(job: JobContext) -> None:
        there.append((job.parent_id, job.user_id))

    @first.command(name="child")
    async def child_in_first(job: JobContext) -> None:
        there.append((job.parent_id, job.user_id))

    @first.command
    async def parent(job: JobContext) -> list[int]:
        refs = [await second.enqueue("child"), await first.enqueue("child"), await job.enqueue("child")]
        (many,) = await second.enqueue_many("child", [None])
        return [*(ref.id for ref in refs), many.id]

    @first.command
    def plain_parent() -> int:
        return second.sync.enqueue("child").id

    async with first.start(), second.start():
        for _ in range(3):  # the ids of the two differ
            await second.wait(await second.enqueue("child"), timeout=30)
        there.clear()
        done = await first.wait(await first.enqueue(parent, user_id="ann"), timeout=30)
        for jobs, id in zip((second, first, first, second), done.response, strict=True):
            ended = await jobs.wait(id, timeout=30)
            assert ended.state is JobState.COMPLETED
        plain = await first.wait(await first.enqueue(plain_parent, user_id="ann"), timeout=30)
        assert (await second.wait(plain.response, timeout=30)).state is JobState.COMPLETED
        assert there.pop() == (None, None)
    assert sorted(there, key=str) == sorted([(None, None), (None, None), (done.id, "ann"), (done.id, "ann")], key=str)


@pytest.mark.once
async def test_lanes_and_runs_of_the_same_name_do_not_wait_for_each_other(apart: tuple[Jobs, Jobs]) -> None:
    first, second = apart
    gate = Gate()

    @first.command(name="hold")
    async def hold() -> None:
        await gate()

    @second.command(name="quick")
    async def quick(job: JobContext) -> tuple[int | None, str | None]:
        return job.parent_id, job.worker

    @first.command
    async def calls(job: JobContext) -> object:
        return await second.run("quick", worker="calls' lane")

    async with first.start(), second.start():
        held = await first.enqueue("hold", worker="lane")
        await gate.wait_entered()
        assert (await second.wait(await second.enqueue("quick", worker="lane"), timeout=30)).response == (None, "lane")
        assert await second.run("quick", worker="lane") == (None, "lane")
        gate.open()
        await first.wait(held, timeout=30)
        called = await first.wait(await first.enqueue(calls, worker="calls' lane", user_id="ann"), timeout=30)
        assert called.response == [None, "calls' lane"]
        assert first.runs.latest() == []
        assert [run.command for run in second.runs.latest()] == ["quick", "quick"]


@pytest.mark.once
async def test_logs_and_users_are_those_of_the_job_that_runs(
    pair: tuple[Jobs, Jobs], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(JobFilter())
    both_inside = asyncio.Barrier(2)
    for name, jobs in zip(("first", "second"), pair, strict=True):

        async def talk(job: JobContext, name: str = name) -> str:
            await both_inside.wait()
            job.log(f"a line of {name}")
            logging.getLogger("application").warning("said in %s", name)
            return f"{job.user_id} {current_user()}"

        jobs.command(talk, name="talk", user_id=f"user of {name}")
    first, second = pair
    async with first.start(), second.start():
        refs = [await jobs.enqueue("talk") for jobs in pair]
        done = [await jobs.wait(ref, timeout=30) for jobs, ref in zip(pair, refs, strict=True)]
        assert [job.response for job in done] == [
            "user of first None",
            "user of second second's user of second",
        ]
        for jobs, ref, name in zip(pair, refs, ("first", "second"), strict=True):
            assert [line.message for line in await jobs.logs(ref)] == [f"a line of {name}"]
    said = {record.getMessage(): getattr(record, "job_id", None) for record in caplog.records}
    assert said["said in first"] == refs[0].id
    assert said["said in second"] == refs[1].id


@pytest.mark.once
async def test_one_stops_and_the_other_goes_on(pair: tuple[Jobs, Jobs]) -> None:
    first, second = pair

    @first.command(name="work")
    @second.command(name="work")
    async def work(n: int) -> int:
        return n + 1

    async with second.start():
        async with first.start():
            assert (await first.wait(await first.enqueue("work", 1), timeout=30)).response == 2
        assert (await second.wait(await second.enqueue("work", 2), timeout=30)).response == 3
        assert await second.run("work", 3) == 4
        async with first.start():  # and again
            assert (await first.wait(await first.enqueue("work", 4), timeout=30)).response == 5
