"""A bulk action reaches what its preview showed, once, on any node; it goes on where a dead node has left it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dbjobs import Backoff, InvalidOption, Jobs, JobState, UnknownJob, Where
from dbjobs.store import repository
from dbjobs.testing import drain
from tests.conformance.helpers import eventually, state_of, whole_list


async def test_a_bulk_cancel_reaches_what_was_there_and_runs_on_a_node_that_serves_other_queues(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs:
        refs = await jobs.enqueue_many(send, range(230), queue="mail", tag="spring")
        lane = await jobs.enqueue(send, 1, queue="mail", tag="spring", worker="smtp")
        other = await jobs.enqueue(send, 2, queue="mail", tag="summer")
        made = await jobs.bulk.preview("cancel", queue="mail", tag="spring")
        assert (made.count, made.exact, made.nodes, len(made.samples)) == (231, True, 0, 10)
        assert made.samples[0].id == lane.id
        late = await jobs.enqueue(send, 3, queue="mail", tag="spring")
        ref = await jobs.bulk.start(
            "cancel",
            name="no spring",
            started_by="ann",
            before_id=made.before_id,
            at=made.at,
            queue="mail",
            tag="spring",
        )
        assert [reason.code for reason in (await jobs.explain(ref)).reasons] == ["no_node"]
    async with jobs.start(queues=["elsewhere"]):
        done = await jobs.wait(ref, timeout=30)
        assert done.state is JobState.COMPLETED, done.error
        (listed,) = await jobs.bulk.list()
        assert (listed.name, listed.action, listed.started_by) == ("no spring", "cancel", "ann")
        assert (listed.reached, listed.looked_at, listed.progress) == (231, 231, 1.0)
        assert listed.status == "231 of 231 cancelled or asked to stop"
        states = {job.id: job.state for job in await whole_list(jobs)}
        assert {states[one.id] for one in [*refs, lane]} == {JobState.CANCELLED}
        assert {states[one.id] for one in (other, late)} == {JobState.QUEUED}
        cancelled = await jobs.get(refs[0])
        assert cancelled is not None
        assert cancelled.error == f"cancelled by 'no spring' (bulk action {ref.id})"
        assert await repository.get_setting(jobs._client.db, f"bulk:{ref.id}") is None
        assert jobs.commands == ["send"], "what is built in is not the application's"


async def test_a_bulk_requeue_brings_each_job_back_once(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def fragile(number: int) -> None:
        raise ValueError(f"no {number}")

    async with jobs.start():
        refs = await jobs.enqueue_many(fragile, range(20))
        for one in refs:
            await jobs.wait(one, timeout=20)
        made = await jobs.bulk.preview("requeue", command="fragile", state="failed")
        late = await jobs.wait(await jobs.enqueue(fragile, 99), timeout=20)
        ref = await jobs.bulk.start(
            "requeue", name="again", before_id=made.before_id, at=made.at, command="fragile", state="failed"
        )
        done = await jobs.wait(ref, timeout=30)
        assert msgspec.to_builtins(done.response) == {"reached": 20, "looked_at": 20}
        ended = [await jobs.wait(one, timeout=20) for one in refs]
        # They have failed again while the action was still at work, or after it: it has let them be.
        assert {job.attempt for job in ended} == {2}
        again = await jobs.get(late.id)
        assert again is not None
        assert again.attempt == 1


async def test_a_bulk_action_goes_on_where_it_was_and_counts_what_its_last_step_had_done(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs:
        await jobs.queues.pause("mail")
        refs = await jobs.enqueue_many(send, range(30), queue="mail")
        ids = [one.id for one in refs]
        ref = await jobs.bulk.start("cancel", name="again", queue="mail")
        # As a node leaves it that dies in its second step: ten are done, ten are being worked on, of which four are
        # cancelled, and ten are left.
        for id in ids[20:] + ids[16:20]:
            await jobs.cancel(id)
        place = {"before_id": ids[10], "reached": 10, "looked_at": 20, "step": ids[10:20]}
        await repository.put_setting(jobs._client.db, f"bulk:{ref.id}", msgspec.json.encode(place).decode())
        async with jobs.start():
            done = await jobs.wait(ref, timeout=30)
        assert msgspec.to_builtins(done.response) == {"reached": 30, "looked_at": 30}
        assert {await state_of(jobs, one) for one in refs} == {JobState.CANCELLED}


async def test_a_bulk_action_keeps_its_rate_and_stops_where_it_is(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs.start():
        await jobs.queues.pause("mail")
        refs = await jobs.enqueue_many(send, range(20), queue="mail")
        ref = await jobs.bulk.start("cancel", name="slow", rate=0.5, queue="mail")

        async def has_begun() -> Any:
            return (await jobs.bulk.get(ref.id)).status

        await eventually(has_begun, "the action has begun")
        assert await jobs.bulk.stop(ref.id) is True
        ended = await jobs.wait(ref, timeout=20)
        assert ended.state is JobState.CANCELLED
        left = [one for one in refs if await state_of(jobs, one) is JobState.QUEUED]
        assert 0 < len(left) < len(refs), "it is at work for 40 s at this rate"
        assert await jobs.bulk.stop(ref.id) is False


async def test_a_bulk_cancel_is_undone_as_far_as_its_jobs_waited(jobs: Jobs) -> None:
    """Each comes back as it was; what ran, was tried before, or hangs on a cancelled job stays as it is."""
    begun, go = asyncio.Event(), asyncio.Event()

    @jobs.command(retry_limit=3, retry=Backoff(first_seconds=3600.0))
    async def send(what: str) -> None:
        if what == "fails":
            raise ValueError(what)
        begun.set()
        await go.wait()

    async with jobs.start():
        runs = await jobs.enqueue(send, "runs", tag="spring")
        failed = await jobs.enqueue(send, "fails", tag="spring")
        await begun.wait()

        async def tried() -> bool:
            return await state_of(jobs, failed) is JobState.SCHEDULED

        await eventually(tried, "it waits for another try")
        await jobs.queues.pause("mail")
        plain = await jobs.enqueue(send, "a", queue="mail", tag="spring", priority=7, batch_id="b")
        laned = await jobs.enqueue(send, "b", queue="mail", tag="spring", worker="smtp")
        later = await jobs.enqueue(send, "c", queue="mail", tag="spring", run_after=3600, expires_after=7200)
        child = await jobs.enqueue(send, "d", queue="mail", tag="spring", depends_on=[plain])
        mine = await jobs.enqueue(send, "e", queue="mail", tag="spring")
        ids = [one.id for one in (runs, failed, plain, laned, later, child, mine)]
        before = await jobs._get_many(ids)
        await jobs.cancel(mine, reason="by hand")
        ref = await jobs.bulk.start("cancel", name="no spring", tag="spring")
        await jobs.wait(ref, timeout=30)
        await jobs.wait(runs, timeout=20)
        made = await jobs.bulk.preview_undo(ref.id)
        assert made.action == "undo"
        # A child is told apart from the others when it is its turn.
        assert {job.id for job in made.samples} - {child.id} == {plain.id, laned.id, later.id}
        undo = await jobs.bulk.undo(ref.id, started_by="ann")
        done = await jobs.wait(undo, timeout=30)
        assert msgspec.to_builtins(done.response)["reached"] == 3, done.error
        now = await jobs._get_many(ids)
        for one in (plain, laned, later):
            assert now[one.id] == before[one.id]
        assert {now[one.id].state for one in (runs, failed, child, mine)} == {JobState.CANCELLED}
        batch = await jobs.batch("b")
        assert batch is not None
        assert (batch.total, batch.cancelled) == (1, 0)
        (undone, first) = await jobs.bulk.list()
        assert (undone.action, undone.undoes, undone.name, undone.started_by) == (
            "undo", ref.id, "undo of no spring", "ann",
        )  # fmt: skip
        assert first.undoes is None
        assert (await jobs.bulk.preview_undo(ref.id)).count <= 1
        go.set()


async def test_what_cannot_be_undone_is_refused(jobs: Jobs) -> None:
    async with jobs:
        jobs.declare("send")
        job = await jobs.enqueue("send", 1, queue="mail")
        ref = await jobs.bulk.start("cancel", name="all", queue="mail")
        other = await jobs.bulk.start("requeue", name="again", state="failed")
        for call in (jobs.bulk.undo, jobs.bulk.preview_undo):
            with pytest.raises(InvalidOption, match=f"bulk action {ref.id} is still at work; stop it"):
                await call(ref.id)
            with pytest.raises(InvalidOption, match=f"bulk action {other.id} is not a cancel"):
                await call(other.id)
            with pytest.raises(UnknownJob, match=f"no bulk action {job.id}"):
                await call(job.id)
        await jobs.bulk.stop(ref.id)
        assert (await jobs.bulk.preview_undo(ref.id)).count == 0
        with pytest.raises(InvalidOption, match=f"no job is left that bulk action {ref.id} cancelled"):
            await jobs.bulk.undo(ref.id)
        with pytest.raises(InvalidOption, match="name='' must be a text"):
            await jobs.bulk.undo(ref.id, name="")
        with pytest.raises(InvalidOption, match="rate=0"):
            await jobs.bulk.undo(ref.id, rate=0)


@pytest.mark.about_us
async def test_a_search_counts_so_long_ago_from_its_preview(jobs: Jobs) -> None:
    async with jobs:
        jobs.declare("send")
        await jobs.enqueue("send", 1, tag="old")
        hour = timedelta(hours=1)
        assert (await jobs.bulk.preview("cancel", created_at=Where.at_least(hour))).count == 1
        later = datetime.now(UTC) + 2 * hour
        ref = await jobs.bulk.start("cancel", name="late", at=later, created_at=Where.at_least(hour))
        assert (await jobs.bulk.get(ref.id)).expected == 1, "a moment ahead is as good as now"
        earlier = datetime.now(UTC) - 2 * hour
        ref = await jobs.bulk.start("cancel", name="early", at=earlier, created_at=Where.at_most(hour))
        request = (await jobs.bulk.get(ref.id)).search
        assert request.startswith(f"created_at <= {earlier - hour:%Y-%m-%d}")


@pytest.mark.about_us
async def test_drain_runs_a_bulk_action_with_the_rest(jobs: Jobs) -> None:
    @jobs.command
    async def send(number: int) -> None:
        pass

    async with jobs:
        await jobs.queues.pause("mail")
        await jobs.enqueue_many(send, range(3), queue="mail")
        await jobs.bulk.start("cancel", name="no mail", queue="mail")
        ran = await drain(jobs)
        assert [job.command for job in ran] == ["dbjobs.bulk"]
        assert await jobs.counts() == {}


async def test_wrong_bulk_actions_are_refused(jobs: Jobs) -> None:
    async with jobs:
        jobs.declare("send")
        job = await jobs.enqueue("send", 1)
        with pytest.raises(InvalidOption, match="give at least one of"):
            await jobs.bulk.preview("cancel")
        with pytest.raises(InvalidOption, match="'cancel' or 'requeue'"):
            await jobs.bulk.preview("drop", queue="a")  # type: ignore[arg-type]
        with pytest.raises(InvalidOption, match="has not ended"):
            await jobs.bulk.preview("cancel", state="failed")
        with pytest.raises(InvalidOption, match="has failed or was cancelled"):
            await jobs.bulk.start("requeue", name="a", state="completed")
        with pytest.raises(InvalidOption, match="name='' must be a text"):
            await jobs.bulk.start("cancel", name="", queue="a")
        for rate in (0, -1, float("nan"), 1e9, "fast"):
            with pytest.raises(InvalidOption, match="rate="):
                await jobs.bulk.start("cancel", name="a", queue="a", rate=rate)  # type: ignore[arg-type]
        with pytest.raises(InvalidOption, match="no filter 'colour'"):
            await jobs.bulk.start("cancel", name="a", colour="red")  # type: ignore[call-arg]
        with pytest.raises(UnknownJob, match=f"no bulk action {job.id}"):
            await jobs.bulk.stop(job.id)
        with pytest.raises(InvalidOption, match="limit=0"):
            await jobs.bulk.list(limit=0)
        assert await jobs.bulk.list() == []
