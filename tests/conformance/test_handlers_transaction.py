"""A handler's own writes and its job's completion commit together, or not at all."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from dbjobs import AttemptLost, Backoff, InvalidOption, JobContext, JobRef, Jobs, JobState
from tests.conformance.helpers import Gate, eventually, nodes, stop_heartbeat, wait_all, whole_list
from tests.conformance.raw import CallersConnection, Raw
from tests.servers import Target

AT_ONCE = Backoff(first_seconds=0.01)


async def test_both_are_there_when_the_block_ends(jobs: Jobs, raw: Raw) -> None:
    states: list[Any] = []

    @jobs.command
    async def work(request: str, job: JobContext) -> str:
        async with job.transaction() as tx:
            await tx.execute(f"INSERT INTO note VALUES ('{request}')")
            job.respond(f"noted {request}")
        now = await jobs.get(job.id)
        states.append(now and now.state)
        return "ignored"

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work, "hello"), timeout=10)
    assert (done.state, done.response) == (JobState.COMPLETED, "noted hello")
    assert states == [JobState.COMPLETED]
    assert await raw.notes() == ["hello"]


async def test_statements_are_the_same_calls_on_every_database(jobs: Jobs, raw: Raw, target: Target) -> None:
    place = {"postgres": "$1", "mysql": "%s", "sqlite": "?", "sqlserver": "?"}[target.dialect]

    @jobs.command(retry_limit=0)
    async def work(job: JobContext) -> Any:
        async with job.transaction() as tx:
            inserted = [await tx.execute(f"INSERT INTO note VALUES ({place})", text) for text in ("a", "b", "100%")]
            changed = await tx.execute(f"UPDATE note SET text = 'c' WHERE text <> {place}", "100%")
            await CallersConnection(tx.connection).execute("INSERT INTO note VALUES ('by the driver')")
            rows = await tx.fetch("SELECT text AS said, 7 AS number FROM note WHERE text LIKE 'c' OR text LIKE '1%'")
            assert await tx.fetch(f"SELECT text FROM note WHERE text = {place}", "nothing") == []
            said = sorted((row["said"], row[0], row["number"], row[1]) for row in rows)
            job.respond([inserted, changed, said])
        with pytest.raises(InvalidOption, match="the transaction has ended"):
            await tx.execute("INSERT INTO note VALUES ('too late')")
        with pytest.raises(InvalidOption, match="the transaction has ended"):
            await jobs.enqueue(work, connection=tx)

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
    said = [["100%", "100%", 7, 7], ["c", "c", 7, 7], ["c", "c", 7, 7]]
    assert (done.state, done.response) == (JobState.COMPLETED, [[1, 1, 1], 2, said])
    assert await raw.notes() == ["100%", "by the driver", "c", "c"]


async def test_a_statement_that_was_not_awaited_fails_the_attempt(jobs: Jobs, raw: Raw) -> None:
    forgotten: list[Coroutine[Any, Any, int]] = []

    @jobs.command(retry_limit=0)
    async def work(job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute("INSERT INTO note VALUES ('first')")
            forgotten.append(tx.execute("INSERT INTO note VALUES ('second')"))

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
    forgotten[0].close()
    assert (done.state, done.error_code) == (JobState.FAILED, "InvalidOption")
    assert "a statement was not awaited" in (done.error or "")
    assert await raw.notes() == []


async def test_the_driver_s_own_error_comes_as_it_is(jobs: Jobs, raw: Raw) -> None:
    @jobs.command(retry_limit=0)
    async def work(job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute("INSERT INTO nowhere VALUES (1)")

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
    assert done.state is JobState.FAILED
    assert "nowhere" in (done.error or "")


async def test_an_error_in_the_block_undoes_the_writes_and_fails_the_attempt(jobs: Jobs, raw: Raw) -> None:
    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def work(job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute(f"INSERT INTO note VALUES ('attempt {job.attempt}')")
            if job.attempt == 1:
                raise ValueError("not yet")

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=10)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)
    assert await raw.notes() == ["attempt 2"]


async def test_a_job_enqueued_in_the_block_comes_with_its_commit(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def work(job: JobContext) -> None:
        async with job.transaction() as tx:
            await jobs.enqueue(follow, job.attempt, connection=tx)
            await jobs.enqueue_many(follow, [job.attempt] * 150, connection=tx)
            if job.attempt == 1:
                raise ValueError("not yet")

    @jobs.command
    async def follow(request: int) -> int:
        return request

    async with jobs.start():
        await jobs.wait(await jobs.enqueue(work), timeout=10)
        rows = [row for row in await whole_list(jobs) if row.command == "follow"]
        followed = await wait_all(jobs, [JobRef(row.id) for row in rows])
    assert [job.response for job in followed] == [2] * 151


async def test_an_error_after_the_block_changes_nothing(jobs: Jobs, raw: Raw) -> None:
    @jobs.command(retry_limit=3, retry=AT_ONCE)
    async def work(job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute("INSERT INTO note VALUES ('once')")
        raise ValueError("too late")

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(work, worker="w"), timeout=10)
        after = await jobs.enqueue(work, worker="w")
        await jobs.wait(after, timeout=10)
    assert (done.state, done.attempt, done.errors) == (JobState.COMPLETED, 1, ())
    assert await raw.notes() == ["once", "once"]


async def test_a_lost_attempt_s_writes_are_undone(url: str, raw: Raw) -> None:
    gate = Gate()
    lost: list[int] = []

    async def work(job: JobContext) -> None:
        if job.attempt == 1:
            await gate()
        try:
            async with job.transaction() as tx:
                await tx.execute(f"INSERT INTO note VALUES ('attempt {job.attempt}')")
        except AttemptLost:
            lost.append(job.attempt)
            raise

    def register(jobs: Jobs) -> None:
        jobs.command(work)

    async with (
        raw.connection(),
        nodes(url, 1, register, lease_seconds=1) as (dying,),
        nodes(url, 1, lambda jobs: None, lease_seconds=1) as (other,),
    ):
        ref = await dying.enqueue(work)
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, register):
            await other.wait(ref, timeout=10)
            gate.open()
            done = (await wait_all(other, [ref]))[0]
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)
    assert await raw.notes() == ["attempt 2"]
    assert lost == [1]


async def test_the_callback_follows(jobs: Jobs, raw: Raw) -> None:
    calls: list[Any] = []

    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def body(job: JobContext) -> str:
        async with job.transaction():
            job.respond("from the transaction")
        calls.append("body")
        raise ValueError("too late")

    @jobs.command
    async def callback(request: str, job: JobContext) -> None:
        calls.append(request)
        async with job.transaction() as tx:
            await tx.execute("INSERT INTO note VALUES ('callback')")
        if len(calls) == 2:
            raise ValueError("too late")

    async with raw.connection(), jobs.start():
        done = await jobs.wait(await jobs.enqueue(body, callback=callback, worker="w"), timeout=10)
        await jobs.wait(await jobs.enqueue(body, worker="w"), timeout=10)
    assert calls == ["body", "from the transaction", "body"]
    assert (done.state, done.response) == (JobState.COMPLETED, "from the transaction")
    assert await raw.notes() == ["callback"]


async def test_children_and_batches_follow(jobs: Jobs, raw: Raw) -> None:
    @jobs.command
    async def work(job: JobContext) -> None:
        async with job.transaction():
            job.respond(1)

    async with jobs.start():
        parent = await jobs.enqueue(work, batch_id="b")
        child = await jobs.enqueue(work, depends_on=parent, batch_id="b", worker="w")
        last = await jobs.enqueue(work, worker="w")
        await wait_all(jobs, [parent, child, last])
        progress = await jobs.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed) == (2, 2)


async def test_log_lines_come_with_the_completion_and_those_behind_it_follow(jobs: Jobs) -> None:
    """A handler that goes on after its job's completion logs into the history, in order and under its attempt."""

    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def work(request: None, job: JobContext) -> None:
        if job.attempt == 1:
            raise ValueError("not yet")
        job.log("before")
        async with job.transaction():
            job.log("inside")
        job.log("behind", level="warning")
        job.log("the last")

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await jobs.wait(ref, timeout=20)

        async def four() -> bool:
            return len(await jobs.logs(ref)) == 4

        await eventually(four, "the lines behind the completion are written")
        lines = await jobs.logs(ref)
    assert [(line.message, line.level, line.attempt) for line in lines] == [
        ("before", "info", 2), ("inside", "info", 2), ("behind", "warning", 2), ("the last", "info", 2),
    ]  # fmt: skip
    assert [line.at for line in lines] == sorted(line.at for line in lines)


async def test_log_lines_behind_the_completion_outlive_a_stop(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command
    async def work(request: None, job: JobContext) -> None:
        async with job.transaction():
            pass
        await gate()
        job.log("the last")

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await jobs.wait(ref, timeout=20)
        gate.open()
    async with jobs:
        assert [line.message for line in await jobs.logs(ref)] == ["the last"]


async def test_log_lines_of_a_transaction_that_fails_are_kept(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def work(request: None, job: JobContext) -> None:
        async with job.transaction():
            job.log("inside")
            raise ValueError("undone")

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await jobs.wait(ref, timeout=10)
        assert [line.message for line in await jobs.logs(ref)] == ["inside"]


async def test_log_lines_before_the_callback_are_kept(jobs: Jobs) -> None:
    @jobs.command
    async def after(request: None, job: JobContext) -> None:
        job.log("callback")

    @jobs.command(callback=after)
    async def work(request: None, job: JobContext) -> None:
        async with job.transaction():
            job.log("inside")
        job.log("after the block")

    async with jobs.start():
        ref = await jobs.enqueue(work)
        await jobs.wait(ref, timeout=10)
        assert [line.message for line in await jobs.logs(ref)] == ["inside", "after the block", "callback"]
