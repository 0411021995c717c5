"""A ref_id names one job, live or in history, however often and however concurrently it is enqueued."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from dbjobs import InvalidOption, JobRef, Jobs, JobState, RefIdExists
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.settlement import settle_in
from tests.conformance.helpers import nodes, wait_all, whole_list
from tests.conformance.raw import Raw


async def echo(request: Any) -> Any:
    return request


@pytest.mark.about_us
@pytest.mark.parametrize("key", [42, 2**70, b"a"], ids=repr)
async def test_a_key_of_another_table_becomes_a_string(jobs: Jobs, key: Any) -> None:
    """Most applications have a number at hand: the refusal says how it becomes a ref_id."""
    jobs.command(echo)
    async with jobs:
        for call in (jobs.enqueue(echo, ref_id=key), jobs.get_by_ref_id(key)):
            with pytest.raises(InvalidOption, match=r"ref_id=.* must be a string, not \w+; .* 'order-"):
                await call
        assert await jobs.list() == []


async def test_a_number_that_is_no_job_s_is_refused(jobs: Jobs) -> None:
    async with jobs:
        for call in (jobs.get(2**63), jobs.wait(2**63), jobs.cancel(2**63)):
            with pytest.raises(InvalidOption, match="is not the id of a job"):
                await call
        assert await jobs.get(2**63 - 1) is None


async def fail() -> None:
    raise ValueError("no")


async def test_a_second_enqueue_returns_the_live_job(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        first = await jobs.enqueue(echo, 1, ref_id="order-1")
        second = await jobs.enqueue(echo, 2, ref_id="order-1")
        assert (first.created, second.created) == (True, False)
        assert (second.id, second.ref_id) == (first.id, "order-1")
        assert len(await whole_list(jobs)) == 1
        found = await jobs.get_by_ref_id("order-1")
        assert found is not None
        assert (found.id, found.request) == (first.id, 1)


@pytest.mark.parametrize("command", [echo, fail])
async def test_a_finished_job_keeps_its_ref_id(jobs: Jobs, command: Any) -> None:
    jobs.command(echo)
    jobs.command(retry_limit=0)(fail)
    async with jobs.start():
        first = await jobs.enqueue(command, ref_id="order-1")
        await jobs.wait(first, timeout=10)
        again = await jobs.enqueue(command, ref_id="order-1")
        assert (again.id, again.created) == (first.id, False)
        assert len(await whole_list(jobs)) == 1


async def test_a_cancelled_job_keeps_its_ref_id(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        first = await jobs.enqueue(echo, ref_id="order-1")
        await jobs.cancel(first)
        assert (await jobs.enqueue(echo, ref_id="order-1")).id == first.id


async def test_twenty_concurrent_callers_make_one_job(jobs: Jobs, url: str) -> None:
    jobs.command(echo)
    other = Jobs(url)
    other.command(echo)
    async with jobs, other:
        for round_ in range(10):
            callers = [jobs if number % 2 else other for number in range(20)]
            refs = await asyncio.gather(*(one.enqueue(echo, round_, ref_id=f"r{round_}") for one in callers))
            assert len({ref.id for ref in refs}) == 1
            assert [ref.created for ref in refs].count(True) == 1
        assert len(await whole_list(jobs)) == 10


async def test_callers_and_a_finishing_job_still_make_one_job(url: str) -> None:
    """The job moves to history while others ask for its ref_id: it must be seen in one place or the other."""
    async with nodes(url, 2, lambda jobs: jobs.command(echo)) as (one, other):

        async def ask(jobs: Jobs, round_: int) -> list[int]:
            return [(await jobs.enqueue(echo, ref_id=f"r{round_}")).id for _ in range(6)]

        for round_ in range(25):
            ids = await asyncio.gather(ask(one, round_), ask(other, round_), ask(one, round_))
            assert len({id for several in ids for id in several}) == 1, f"round {round_}: {ids}"
            await one.wait(ids[0][0], timeout=10)
        rows = await whole_list(one)
        assert len(rows) == 25
        assert {row.state for row in rows} == {JobState.COMPLETED}


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_ref_id_asked_for_while_its_job_s_end_is_not_committed_yet(url: str, jobs: Jobs) -> None:
    """The key stays where it is while its job moves, so nobody has to wait for that move."""
    jobs.command(echo)
    db = make_database(url)
    await db.open()
    try:
        async with jobs:
            first = await jobs.enqueue(echo, ref_id="r", batch_id="b")
            node = await repository.register_node(db, "test", 60, "{}")
            (claimed,) = await repository.claim_jobs(db, node, [("default", 1, -1, 0)], 1, ["echo"])
            async with db.transaction() as session:
                ended = Outcome(id=claimed.id, attempt=claimed.attempt, kind="completed")
                await settle_in(session, node, [ended])
                for enqueue in (jobs.enqueue, blind_enqueue(jobs)):
                    again = await asyncio.wait_for(enqueue(echo, ref_id="r", batch_id="b"), 5)
                    assert (again.id, again.created) == (first.id, False)
            assert len(await whole_list(jobs)) == 1
            progress = await jobs.batch("b")
            assert progress is not None
            assert progress.total == 1
    finally:
        await db.close()


def blind_enqueue(jobs: Jobs) -> Callable[..., Awaitable[JobRef]]:
    """As an enqueue whose first look came before the job was there."""
    looks = 0
    real = repository.find_refs

    async def find_refs(db: repository.Fetcher, ref_ids: Sequence[str]) -> dict[str, int]:
        nonlocal looks
        looks += 1
        return {} if looks == 1 else await real(db, ref_ids)

    async def enqueue(*arguments: Any, **options: Any) -> JobRef:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(repository, "find_refs", find_refs)
            return await jobs.enqueue(*arguments, **options)

    return enqueue


async def test_a_taken_ref_id_raises_if_asked(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        first = await jobs.enqueue(echo, ref_id="order-1", on_conflict="raise")
        with pytest.raises(RefIdExists, match=f"'order-1' is taken by job {first.id}"):
            await jobs.enqueue(echo, ref_id="order-1", on_conflict="raise")
        assert len(await whole_list(jobs)) == 1


async def test_a_taken_ref_id_is_not_counted_in_a_batch(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs.start():
        for _ in range(3):
            ref = await jobs.enqueue(echo, ref_id="order-1", batch_id="b")
            await jobs.wait(ref, timeout=10)
        progress = await jobs.batch("b")
    assert progress is not None
    assert (progress.total, progress.completed) == (1, 1)


async def test_an_unused_ref_id_finds_nothing(jobs: Jobs) -> None:
    async with jobs:
        assert await jobs.get_by_ref_id("never") is None


async def test_keys_leave_with_their_month_and_a_live_job_keeps_its_own(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs:
        async with jobs.start():
            ended = [await jobs.enqueue(echo, ref_id=f"ended {number}") for number in range(5)]
            await wait_all(jobs, ended)
        alive = await jobs.enqueue(echo, ref_id="alive", run_after=3600)
        db = jobs._client.db
        month = await repository.current_month(db)
        assert await repository.forget_refs(db, str(int(month) - 100), (), 3) == 0
        assert [await repository.forget_refs(db, month, (), 3) for _ in range(3)] == [3, 2, 0]
        assert await repository.find_refs(db, ["alive", "ended 0", "ended 4"]) == {"alive": alive.id}
