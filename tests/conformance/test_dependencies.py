"""A child never starts before its parents completed, hears of their failure, and is never stranded."""

from __future__ import annotations

from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState, UnknownJob
from tests.conformance.helpers import Gate, state_of, wait_all, whole_list


async def echo(request: Any) -> Any:
    return request


async def fail() -> None:
    raise ValueError("no")


@pytest.fixture
def app(jobs: Jobs) -> Jobs:
    jobs.command(echo)
    jobs.command(retry_limit=0)(fail)
    return jobs


async def test_a_child_waits_for_its_parent(app: Jobs) -> None:
    gate = Gate()
    app.command(name="slow")(gate)
    async with app.start():
        parent = await app.enqueue("slow")
        child = await app.enqueue(echo, depends_on=parent)
        await gate.wait_entered()
        assert await state_of(app, child) is JobState.WAITING
        gate.open()
        first, second = await wait_all(app, [parent, child])
    assert first.completed_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.completed_at
    assert second.depends_on == (parent.id,)


async def test_a_child_of_several_waits_for_all_of_them(app: Jobs) -> None:
    gates = [Gate() for _ in range(3)]
    for number, gate in enumerate(gates):
        app.command(name=f"slow{number}")(gate)
    async with app.start():
        refs = [await app.enqueue(f"slow{number}", ref_id=f"p{number}") for number in range(3)]
        child = await app.enqueue(echo, depends_on=[refs[0], refs[1].id, "p2"])
        for gate, ref in zip(gates, refs, strict=True):
            await gate.wait_entered()
            assert await state_of(app, child) is JobState.WAITING
            gate.open()
            await app.wait(ref, timeout=10)
        done = await app.wait(child, timeout=10)
    assert (done.state, done.depends_on) == (JobState.COMPLETED, tuple(ref.id for ref in refs))


async def test_a_child_reads_its_parents_responses_in_order(app: Jobs) -> None:
    @app.command
    async def add(job: JobContext) -> int:
        return sum(parent.response for parent in await job.parents())

    @app.command
    async def first(job: JobContext) -> Any:
        return (await job.parents())[0].response

    async with app.start():
        parents = [await app.enqueue(echo, number) for number in (7, 20, 300)]
        total = await app.enqueue(add, depends_on=parents)
        last = await app.enqueue(first, depends_on=parents[::-1])
        assert (await app.wait(total, timeout=10)).response == 327
        assert (await app.wait(last, timeout=10)).response == 300


async def test_a_child_of_finished_parents_runs_at_once(app: Jobs) -> None:
    async with app.start():
        parents = [await app.enqueue(echo) for _ in range(2)]
        await wait_all(app, parents)
        child = await app.enqueue(echo, depends_on=parents)
        assert (await app.wait(child, timeout=10)).state is JobState.COMPLETED


async def test_a_child_of_a_finished_and_a_live_parent_waits_for_the_live_one(app: Jobs) -> None:
    gate = Gate()
    app.command(name="slow")(gate)
    async with app.start():
        finished = await app.enqueue(echo)
        await app.wait(finished, timeout=10)
        slow = await app.enqueue("slow")
        child = await app.enqueue(echo, depends_on=[finished, slow])
        assert await state_of(app, child) is JobState.WAITING
        gate.open()
        assert (await app.wait(child, timeout=10)).state is JobState.COMPLETED


async def test_a_failed_parent_cancels_its_descendants_with_the_reason(app: Jobs) -> None:
    async with app:
        parent = await app.enqueue(fail)
        other = await app.enqueue(echo)
        child = await app.enqueue(echo, depends_on=[parent, other])
        grandchild = await app.enqueue(echo, depends_on=child)
        late = await app.enqueue(echo, depends_on=grandchild, run_after=3600)
        async with app.start():
            ended = await wait_all(app, [parent, other, child, grandchild, late])
    assert [job.state for job in ended] == ["failed", "completed", "cancelled", "cancelled", "cancelled"]
    assert [job.error_code for job in ended[2:]] == ["parent"] * 3
    assert f"job {parent.id}" in (ended[2].error or "")
    assert f"job {child.id}" in (ended[3].error or "")
    assert ended[2].attempt == 0


async def test_a_cancelled_parent_cancels_its_descendants(app: Jobs) -> None:
    async with app:
        parent = await app.enqueue(echo)
        child = await app.enqueue(echo, depends_on=parent)
        grandchild = await app.enqueue(echo, depends_on=[child, parent])
        assert await app.cancel(parent)
        states = [await state_of(app, ref) for ref in (parent, child, grandchild)]
    assert states == [JobState.CANCELLED] * 3


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_a_child_of_a_parent_that_did_not_complete_is_cancelled_at_once(app: Jobs, how: str) -> None:
    async with app.start():
        if how == "failed":
            parent = await app.enqueue(fail)
        else:
            parent = await app.enqueue(echo, run_after=60)
            await app.cancel(parent)
        await app.wait(parent, timeout=10)
        child = await app.enqueue(echo, depends_on=parent, batch_id="b")
        done = await app.wait(child, timeout=10)
        progress = await app.batch("b")
    assert (done.state, done.error_code, done.attempt) == (JobState.CANCELLED, "parent", 0)
    assert how in (done.error or "")
    assert progress is not None
    assert (progress.total, progress.cancelled) == (1, 1)


async def test_policy_finished_takes_any_end(app: Jobs) -> None:
    async with app.start():
        failed = await app.enqueue(fail, run_after=0.2)
        cancelled = await app.enqueue(echo, run_after=60)
        child = await app.enqueue(echo, 1, depends_on=[failed, cancelled], depends_on_policy="finished")
        late = await app.enqueue(echo, 2, depends_on=child, depends_on_policy="finished")
        assert await state_of(app, child) is JobState.WAITING
        await app.cancel(cancelled)
        assert [job.state for job in await wait_all(app, [child, late])] == [JobState.COMPLETED] * 2
        again = await app.enqueue(echo, depends_on=[failed, cancelled], depends_on_policy="finished")
        assert (await app.wait(again, timeout=10)).state is JobState.COMPLETED


async def test_a_child_with_run_after_waits_for_both(app: Jobs) -> None:
    async with app.start():
        parent = await app.enqueue(echo, run_after=0.3)
        soon = await app.enqueue(echo, depends_on=parent, run_after=0.05)
        late = await app.enqueue(echo, depends_on=parent, run_after=3600)
        await app.wait(soon, timeout=10)
        assert await state_of(app, late) is JobState.SCHEDULED


async def test_a_child_in_a_lane_waits_outside_of_it(app: Jobs) -> None:
    gate = Gate()
    app.command(name="slow")(gate)
    async with app.start():
        parent = await app.enqueue("slow")
        child = await app.enqueue(echo, depends_on=parent, worker="w")
        passing = await app.enqueue(echo, worker="w")
        await app.wait(passing, timeout=10)
        assert await state_of(app, child) is JobState.WAITING
        gate.open()
        assert (await app.wait(child, timeout=10)).state is JobState.COMPLETED


async def test_a_wide_and_a_deep_family_all_run(app: Jobs) -> None:
    async with app.start():
        root = await app.enqueue(echo)
        wide = [await app.enqueue(echo, depends_on=root) for _ in range(60)]
        sink = await app.enqueue(echo, depends_on=wide)
        last = sink
        chain = []
        for _ in range(15):
            last = await app.enqueue(echo, depends_on=last)
            chain.append(last)
        ended = await wait_all(app, [root, *wide, sink, *chain])
    assert {job.state for job in ended} == {JobState.COMPLETED}


async def test_a_retried_parent_keeps_its_child_waiting(app: Jobs) -> None:
    @app.command(retry_limit=1)
    async def second_time(job: JobContext) -> None:
        if job.attempt == 1:
            raise ValueError("not yet")

    from dbjobs import Backoff

    async with app.start():
        parent = await app.enqueue(second_time, retry=Backoff(first_seconds=0.2, jitter=0))
        child = await app.enqueue(echo, depends_on=parent)
        first, second = await wait_all(app, [parent, child])
    assert (first.attempt, second.state) == (2, JobState.COMPLETED)
    assert first.completed_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.completed_at


@pytest.mark.parametrize("missing", [987654, "never used"])
async def test_a_parent_that_does_not_exist_is_named_and_nothing_is_stored(app: Jobs, missing: Any) -> None:
    async with app:
        parent = await app.enqueue(echo)
        with pytest.raises(UnknownJob, match=str(missing)):
            await app.enqueue(echo, depends_on=[parent, missing])
        assert len(await whole_list(app)) == 1
