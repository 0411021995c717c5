"""A transient run of a named worker never runs beside that lane's jobs: on its node, or with ``exclusive`` on any."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState, RunCancelled
from dbjobs.store import repository
from tests.conformance.helpers import Gate, Runs, eventually, nodes, state_of, stop_heartbeat, wait_all

pytestmark = pytest.mark.about_us


async def test_runs_and_jobs_of_a_lane_take_turns_on_their_node(jobs: Jobs) -> None:
    seen = Runs()

    @jobs.command(retry_limit=0)
    async def work(request: str, job: JobContext) -> None:
        with seen.run(request, job.worker):
            await asyncio.sleep(0.002)

    @jobs.command(retry_limit=0)
    def plain(request: str, job: JobContext) -> None:
        with seen.run(request, job.worker):
            pass

    async with jobs.start() as engine:
        refs = [await jobs.enqueue(work, "job", worker=f"lane {number % 2}") for number in range(30)]
        runs = []
        for number in range(30):
            runs.append(jobs.submit(plain if number % 3 else work, "run", worker=f"lane {number % 2}"))
            refs.append(await jobs.enqueue(work, "job", worker=f"lane {number % 2}"))
        await asyncio.gather(*runs)
        done = await wait_all(jobs, refs)
        assert {job.state for job in done} == {JobState.COMPLETED}
        assert not engine._runners.memory._lost
    assert set(seen.most.values()) == {1}
    assert len(seen.order) == 90


async def test_a_job_that_is_claimed_meanwhile_waits_for_the_run_and_other_lanes_do_not(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="run")(gate)

    @jobs.command
    async def work() -> None: ...

    async with jobs.start():
        run = jobs.submit("run", worker="w")
        await gate.wait_entered()
        refs = [await jobs.enqueue(work, worker="w") for _ in range(3)]
        await wait_all(jobs, [await jobs.enqueue(work), await jobs.enqueue(work, worker="other")])

        async def is_claimed() -> bool:
            return await state_of(jobs, refs[0]) is JobState.STARTED

        await eventually(is_claimed, "its lane is this node's")
        second = jobs.submit("run", worker="w")
        assert gate.inside == 1
        gate.open()
        await run
        await second
        for job in await wait_all(jobs, refs):
            assert (job.state, job.attempt) == (JobState.COMPLETED, 1)


async def test_a_run_waits_for_the_job_that_has_its_lane_and_can_be_cancelled_meanwhile(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="job")(gate)

    @jobs.command
    async def quick() -> str:
        return "quick"

    async with jobs.start():
        ref = await jobs.enqueue("job", worker="w")
        await gate.wait_entered()
        waiting, cancelled = (jobs.submit(quick, worker="w") for _ in range(2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await jobs.run(quick, worker="w")
        cancelled.cancel()
        with pytest.raises(RunCancelled):
            await cancelled
        assert waiting.state is JobState.QUEUED
        gate.open()
        assert await waiting == "quick"
        await jobs.wait(ref, timeout=20)
        assert await jobs.run(quick, worker="w") == "quick"


async def test_exclusive_runs_and_jobs_of_a_lane_take_turns_over_all_nodes(url: str) -> None:
    """Each node has a backlog for the lane; no exclusive run starves beside it, and no job pays for waiting."""
    seen = Runs()

    async def work(request: str, job: JobContext) -> None:
        with seen.run(request):
            await asyncio.sleep(0.002)

    def register(jobs: Jobs) -> None:
        jobs.command(retry_limit=0)(work)

    async with nodes(url, 2, register) as started:
        refs = [ref for jobs in started for ref in await jobs.enqueue_many(work, ["job"] * 40, worker="w")]
        runs = []
        for _ in range(4):
            for jobs in started:
                runs.append(jobs.submit(work, "run", worker="w", exclusive=True))
                refs.append(await jobs.enqueue(work, "job", worker="w"))
        await asyncio.wait_for(asyncio.gather(*runs), 60)
        assert {job.state for job in await wait_all(started[0], refs)} == {JobState.COMPLETED}

        async def is_free() -> bool:
            held = [await repository.find_held_workers(jobs._client.db, _node(jobs)) for jobs in started]
            return held == [[], []]

        await eventually(is_free, "the lane is free in the end")
    assert seen.most == {None: 1}
    assert len(seen.order) == len(refs) + len(runs)


async def test_an_exclusive_run_keeps_the_lane_from_other_nodes_until_it_ends(url: str) -> None:
    gate = Gate()

    def register(jobs: Jobs) -> None:
        jobs.command(name="run")(gate)
        jobs.command(name="work")(_nothing)

    async with nodes(url, 2, register, lease_seconds=1) as (jobs, other):
        run = jobs.submit("run", worker="w", exclusive=True)
        await gate.wait_entered()
        ref = await other.enqueue("work", worker="w")
        before = {node.id: node.lease_expires_at for node in await jobs.nodes()}

        async def lease_is_over() -> bool:
            return all(node.lease_expires_at > before[node.id] + timedelta(seconds=1.2) for node in await jobs.nodes())

        await eventually(lease_is_over, "the heartbeat keeps it for longer than a lease")
        await wait_all(other, [await other.enqueue("work", worker="free")])
        assert await state_of(jobs, ref) is JobState.QUEUED
        assert gate.inside == 1
        gate.open()
        await run
        assert (await other.wait(ref, timeout=20)).state is JobState.COMPLETED


async def test_a_lane_that_is_held_for_a_run_is_no_stray(jobs: Jobs) -> None:
    """A node compares what the database says it holds with what is in memory, and gives back what it does not know."""
    gate = Gate()
    jobs.command(name="run")(gate)
    async with jobs.start() as engine:
        run = jobs.submit("run", worker="w", exclusive=True)
        await gate.wait_entered()
        await repository.take_worker(jobs._client.db, _node(jobs), "stray")
        engine._dispatcher.reconcile_soon()

        async def held() -> list[str]:
            return await repository.find_held_workers(jobs._client.db, _node(jobs))

        async def stray_is_gone() -> bool:
            return "stray" not in await held()

        await eventually(stray_is_gone, "the stray is given back")
        assert await held() == ["w"]
        gate.open()
        await run

        async def is_empty() -> bool:
            return await held() == []

        await eventually(is_empty, "and the run's lane when it ends")


async def test_an_exclusive_run_waits_for_the_job_of_another_node_and_can_be_cancelled_meanwhile(url: str) -> None:
    gate = Gate()

    async def quick() -> str:
        return "quick"

    def register(jobs: Jobs) -> None:
        jobs.command(name="job")(gate)
        jobs.command(quick)

    async with nodes(url, 1, register) as (other,):
        ref = await other.enqueue("job", worker="w")
        await gate.wait_entered()
        async with nodes(url, 1, register) as (jobs,):
            waiting, cancelled = (jobs.submit(quick, worker="w", exclusive=True) for _ in range(2))
            cancelled.cancel()
            with pytest.raises(RunCancelled):
                await cancelled
            # Without `exclusive` it does not care for what other nodes do.
            assert await jobs.run(quick) == "quick"
            assert waiting.state is JobState.QUEUED
            gate.open()
            assert await asyncio.wait_for(asyncio.shield(waiting), 20) == "quick"
        await other.wait(ref, timeout=20)


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_thread_that_outlasts_its_run_keeps_the_lane(jobs: Jobs, exclusive: bool) -> None:
    released = threading.Event()
    seen = Runs()

    @jobs.command
    def hang() -> None:
        with seen.run("hang"):
            released.wait(30)

    @jobs.command
    async def work() -> None:
        with seen.run("work"):
            pass

    async with jobs.start():
        try:
            with pytest.raises(TimeoutError, match="transient run 1 of 'hang' timed out"):
                await jobs.run(hang, worker="w", exclusive=exclusive, timeout=0.05)
            ref = await jobs.enqueue(work, worker="w")
            behind = jobs.submit(work, worker="w")
            await wait_all(jobs, [await jobs.enqueue(work, worker="v") for _ in range(3)])
            assert (behind.state, seen.now()) == (JobState.QUEUED, 1)
        finally:
            released.set()
        await behind
        assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
    assert seen.order[0] == "hang"


async def test_the_lane_of_a_node_that_dies_in_an_exclusive_run_falls_to_others(url: str) -> None:
    gate = Gate()

    def register(jobs: Jobs) -> None:
        jobs.command(name="run")(gate)
        jobs.command(name="work")(_nothing)

    async with nodes(url, 1, register, lease_seconds=1, grace_seconds=0) as (dying,):
        run = dying.submit("run", worker="w", exclusive=True)
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, register, lease_seconds=1) as (other,):
            ref = await other.enqueue("work", worker="w")
            assert (await other.wait(ref, timeout=30)).state is JobState.COMPLETED
        run.cancel()
        with pytest.raises(RunCancelled):
            await run


async def test_a_node_that_loses_its_lease_ends_its_exclusive_runs_and_no_others(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    jobs.command(name="run")(gate)
    beat = repository.heartbeat
    lost: list[int] = []

    async def heartbeat(db: Any, node_id: int, *rest: Any) -> bool:
        if lost:
            return await beat(db, node_id, *rest)
        lost.append(node_id)
        return False

    async with jobs.start(lease_seconds=1.5) as engine:
        exclusive = jobs.submit("run", worker="w", exclusive=True)
        behind = jobs.submit("run", worker="w", exclusive=True)
        plain = jobs.submit("run", worker="v")
        await eventually(lambda: gate.inside == 2, "both run")
        monkeypatch.setattr(repository, "heartbeat", heartbeat)
        with pytest.raises(RunCancelled, match="the lease of this node is over") as ended:
            await asyncio.wait_for(exclusive, 30)
        assert ended.value.reason == "lost"
        await eventually(lambda: engine.node_id not in (None, lost[0]), "it is back under a new id")
        assert plain.state is JobState.STARTED
        gate.open()
        await plain
        await asyncio.wait_for(behind, 30)


async def test_a_lane_that_blocks_for_a_retry_is_free_for_runs_of_its_node_and_not_for_exclusive_ones(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    take = repository.take_worker

    async def take_worker(*arguments: Any) -> bool:
        asked.append(await take(*arguments))
        return asked[-1]

    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=600, jitter=0))
    async def work() -> None:
        raise ValueError("not yet")

    @jobs.command
    async def quick() -> str:
        return "quick"

    async with jobs.start():
        ref = await jobs.enqueue(work, worker="w")

        async def is_blocked() -> bool:
            return await state_of(jobs, ref) is JobState.SCHEDULED

        await eventually(is_blocked, "it waits for its retry")
        assert await jobs.run(quick, worker="w") == "quick"
        monkeypatch.setattr(repository, "take_worker", take_worker)
        waiting = jobs.submit(quick, worker="w", exclusive=True)
        await eventually(lambda: len(asked) >= 3, "it asks for the lane")
        assert not any(asked)
        assert waiting.state is JobState.QUEUED
        await jobs.cancel(ref)
        assert await asyncio.wait_for(asyncio.shield(waiting), 20) == "quick"


async def _nothing() -> None: ...


def _node(jobs: Jobs) -> int:
    assert jobs._client.engine is not None
    assert jobs._client.engine.node_id is not None
    return jobs._client.engine.node_id
