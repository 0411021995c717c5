"""Runs that a job's handler calls: children, slots, lanes, users."""

from __future__ import annotations

import pytest

from dbjobs import JobContext, Jobs, UnknownUser, current_user
from tests.conformance.helpers import Gate


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
