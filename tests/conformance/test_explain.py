"""Why does a job not run? Each reason in a situation of its own, and random ones compared with what then happens."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dbjobs import Backoff, Cancel, Explanation, JobRef, Jobs, JobState, ReasonCode, UnknownJob
from tests.conformance.helpers import Gate, eventually, soon, state_of, stop_heartbeat

pytestmark = pytest.mark.about_us

EXAMPLES = max(1, int(os.environ.get("DBJOBS_TEST_EXAMPLES", "25")) // 6)
PATIENCE_SECONDS = 30.0


async def codes(jobs: Jobs, job: JobRef) -> list[str]:
    return [reason.code for reason in (await jobs.explain(job)).reasons]


async def with_code(jobs: Jobs, job: JobRef, code: ReasonCode) -> Explanation:
    """The explanation, once it names this code first: what a node knows of itself is written by its heartbeat."""

    async def look() -> Explanation | None:
        told = await jobs.explain(job)
        return told if told.code is code else None

    found: Explanation = await eventually(look, f"{code} is the reason", timeout=PATIENCE_SECONDS)
    return found


async def test_without_a_node_every_job_says_so(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    async with jobs:
        first = await jobs.enqueue(work, ref_id="the first")
        later = await jobs.enqueue(work, run_after=timedelta(hours=1))
        child = await jobs.enqueue(work, depends_on=[first, later])
        await jobs.queues.pause("held")
        held = await jobs.enqueue(work, queue="held")
        expired = await jobs.enqueue(work, expires_after=0.01)
        assert await codes(jobs, first) == ["no_node"]
        assert (await jobs.explain("the first")).job_id == first.id
        told = await jobs.explain(later)
        assert [reason.code for reason in told.reasons] == ["not_due", "no_node"]
        assert told.reasons[0].facts["run_after"] > told.at
        assert str(told.reasons[0].facts["run_after"])[:19] in told.text
        told = await jobs.explain(child)
        assert told.state is JobState.WAITING
        assert told.code is ReasonCode.WAITS_FOR_JOBS
        assert told.reasons[0].facts["jobs"] == [first.id, later.id]
        assert f"It waits for jobs {first.id} (queued), {later.id} (scheduled)." in told.text
        assert await codes(jobs, held) == ["queue_paused", "no_node"]
        await with_code(jobs, expired, ReasonCode.EXPIRED)


@pytest.mark.parametrize("wrong", ["no such ref", 123456])
async def test_a_job_that_does_not_exist_is_named(jobs: Jobs, wrong: int | str) -> None:
    async with jobs:
        with pytest.raises(UnknownJob, match=f"there is no job {wrong!r}"):
            await jobs.explain(wrong)


async def test_what_became_of_it(jobs: Jobs) -> None:
    @jobs.command
    async def fine() -> None: ...

    @jobs.command(retry_limit=0)
    async def broken() -> None:
        raise ValueError("no way")

    @jobs.command
    async def unwanted() -> None:
        raise Cancel("no such user")

    async with jobs.start():
        refs = [await jobs.enqueue(command) for command in (fine, broken, unwanted)]
        for ref in refs:
            await jobs.wait(ref, timeout=PATIENCE_SECONDS)
        told = [await jobs.explain(ref) for ref in refs]
    assert [one.code for one in told] == [ReasonCode.COMPLETED, ReasonCode.FAILED, ReasonCode.CANCELLED]
    assert "no way" in told[1].text
    assert told[1].reasons[0].facts["error_code"] == "ValueError"
    assert "no such user" in told[2].text


async def test_a_lane_that_is_held_and_one_that_waits_for_a_retry(jobs: Jobs) -> None:
    gate = Gate()
    failed = asyncio.Event()

    @jobs.command
    async def hold() -> None:
        await gate()

    @jobs.command(retry=Backoff(first_seconds=3600, jitter=0))
    async def break_once() -> None:
        failed.set()
        raise ValueError("not yet")

    async with jobs.start() as engine:
        running = await jobs.enqueue(hold, worker="held")
        await gate.wait_entered()
        behind = await jobs.enqueue(hold, worker="held")
        last = await jobs.enqueue(hold, worker="held")
        told = await jobs.explain(running)
        assert told.code is ReasonCode.RUNNING
        assert told.reasons[0].facts["node_id"] == engine.node_id
        told = await jobs.explain(behind)
        assert told.code is ReasonCode.LANE_HELD
        assert told.reasons[0].facts["job_id"] == running.id
        assert told.reasons[0].facts["node_id"] == engine.node_id
        told = await jobs.explain(last)
        assert [reason.code for reason in told.reasons] == ["lane_held", "lane_behind"]
        assert told.reasons[1].facts == {"worker": "held", "job_id": behind.id, "ahead": 1}
        retried = await jobs.enqueue(break_once, worker="blocked")
        blocked = await jobs.enqueue(hold, worker="blocked")
        await soon(failed, "the first attempt")
        told = await with_code(jobs, retried, ReasonCode.BACKING_OFF)
        assert "Attempt 1 failed (ValueError: not yet)" in told.text
        told = await with_code(jobs, blocked, ReasonCode.LANE_BLOCKED)
        assert told.reasons[0].facts["job_id"] == retried.id
        assert told.reasons[0].facts["until"] > told.at
        gate.open()


async def test_a_node_that_lacks_something(jobs: Jobs, url: str) -> None:
    gate = Gate()

    @jobs.command
    async def hold() -> None:
        await gate()

    client = Jobs(url)
    client.declare("elsewhere")
    async with client, jobs.start(concurrency=2, queues={"default": None, "narrow": 1}):
        unknown = await client.enqueue("elsewhere")
        unserved = await client.enqueue("elsewhere", queue="other")
        assert await codes(client, unknown) == ["command_unknown"]
        assert await codes(client, unserved) == ["queue_unserved"]
        narrow = await jobs.enqueue(hold, queue="narrow")
        await eventually(lambda: gate.inside == 1, "it runs")
        second = await jobs.enqueue(hold, queue="narrow")
        told = await with_code(client, second, ReasonCode.QUEUE_AT_LIMIT)
        assert "at its limit of 1" in told.text
        await jobs.enqueue(hold)
        await eventually(lambda: gate.inside == 2, "it runs")
        third = await jobs.enqueue(hold)
        await with_code(client, third, ReasonCode.SLOTS_BUSY)
        assert await client.cancel(narrow)
        assert (await client.explain(narrow)).code in (ReasonCode.CANCEL_ASKED, ReasonCode.CANCELLED)
        gate.open()


async def test_a_node_that_is_lost_and_a_callback(jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, calling = Gate(), Gate()

    @jobs.command
    async def tell() -> None:
        await calling()

    @jobs.command
    async def hold() -> None:
        await gate()

    @jobs.command(callback=tell)
    async def work() -> None: ...

    client = Jobs(url)
    async with client, jobs.start(lease_seconds=2) as engine:
        body_done = await jobs.enqueue(work)
        await calling.wait_entered()
        told = await client.explain(body_done)
        assert told.state is JobState.EXECUTED
        assert told.code is ReasonCode.CALLBACK
        held = await jobs.enqueue(hold)
        await gate.wait_entered()
        assert (await client.explain(held)).code is ReasonCode.RUNNING
        monkeypatch.setattr(engine._janitor._watch, "look", lambda *_: set())  # nobody takes over
        stop_heartbeat(engine)
        told = await with_code(client, held, ReasonCode.NODE_LOST)
        assert told.reasons[0].facts["node_id"] == engine.node_id
        gate.open()
        calling.open()


# What may stand in a job's way, each taken away by one act. The order is that in which an explanation names them.
OBSTACLES = ("parent", "paused", "no node", "lane", "slots")


@pytest.mark.slow
def test_random_situations_compared_with_what_then_happens(url: str) -> None:
    """Each reason named is an obstacle, and none is missing: with one of them the job stays, without them it runs."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(st.sets(st.sampled_from(OBSTACLES)), st.randoms(use_true_random=False))
    def compare(obstacles: set[str], random: object) -> None:
        order = sorted(obstacles, key=lambda _: random.random())  # type: ignore[attr-defined]
        asyncio.run(situation(url, order))

    compare()


async def situation(url: str, order: list[str]) -> None:
    """Put up the obstacles, take them away in this order, and compare."""
    app, name = Jobs(url), str(uuid4())  # of all that is its own: an earlier situation may have left something
    gates = {"lane": Gate(), "slots": Gate()}

    work, block = f"work {name}", f"block {name}"

    async def wait_at(gate: str) -> None:
        await gates[gate]()

    async def end() -> None: ...

    app.command(wait_at, name=block)
    app.command(end, name=work)

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Jobs(url))
        client.declare(work)
        client.declare(block)
        left = set(order)
        # Two places: the job's, and one for what holds its lane.
        holders = [holder for holder in ("lane", "slots") if holder in left]
        places = len(holders) + (0 if "slots" in left else 1)
        parent = None
        if "no node" not in left:
            await stack.enter_async_context(app.start(concurrency=places))
        if "parent" in left:
            parent = await client.enqueue(work, run_after=3600)
        if "lane" in left and "no node" not in left:
            await client.enqueue(block, "lane", worker=name)
        if "slots" in left and "no node" not in left:
            await client.enqueue(block, "slots")
        if "no node" not in left:
            for holder in holders:
                await gates[holder].wait_entered()
        if "paused" in left:
            await client.queues.pause(name)
            engine = app._client.engine
            if engine is not None:  # a running node hears of it a moment later
                await eventually(lambda: not engine._queues.serves(name), "it knows", timeout=PATIENCE_SECONDS)
        options = {} if parent is None else {"depends_on": parent, "depends_on_policy": "finished"}
        job = await client.enqueue(work, queue=name, worker=name, **options)  # type: ignore[call-overload]
        for taken_away in [*order, None]:
            told = {reason.code.value for reason in (await client.explain(job)).reasons}
            if left:
                assert await state_of(client, job) in (JobState.WAITING, JobState.QUEUED)
                assert told & expected(left), f"{left}: {told}"
                assert told <= expected(left) | {"ready"}, f"{left}: {told}"
            if taken_away is None:
                break
            left.discard(taken_away)
            if taken_away == "parent":
                assert parent is not None
                assert await client.cancel(parent)
                if "no node" in left:
                    return  # nobody is there to tell the child
                await until_gone(client, job, ReasonCode.WAITS_FOR_JOBS)
            elif taken_away == "paused":
                await client.queues.resume(name)
            elif taken_away == "no node":
                left -= {"lane", "slots"}  # they need a node to hold them
                await stack.enter_async_context(app.start(concurrency=2))
            elif taken_away in gates:
                if taken_away == "lane":
                    left.discard("slots")  # what held the lane had a place
                gates[taken_away].open()
                codes_of = {"lane": ReasonCode.LANE_HELD, "slots": ReasonCode.SLOTS_BUSY}
                await until_gone(client, job, codes_of[taken_away])
        for gate in gates.values():
            gate.open()
        assert (await client.wait(job, timeout=PATIENCE_SECONDS)).state is JobState.COMPLETED


async def until_gone(client: Jobs, job: JobRef, code: ReasonCode) -> None:
    async def look() -> bool:
        return code not in {reason.code for reason in (await client.explain(job)).reasons}

    await eventually(look, f"{code} is no reason any more", timeout=PATIENCE_SECONDS)


def expected(left: set[str]) -> set[str]:
    """The codes that may be named while these obstacles are there."""
    names = {"parent": {"waits_for_jobs"}, "paused": {"queue_paused"}, "no node": {"no_node"}}
    names |= {"lane": {"lane_held", "lane_behind"}, "slots": {"slots_busy"}}
    return set().union(*(names[obstacle] for obstacle in left))
