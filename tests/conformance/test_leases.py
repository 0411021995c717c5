"""A node's jobs are its own while its lease holds, and others' soon after; what it writes too late changes nothing."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, timedelta
from typing import Any

import pytest

from dbjobs import DatabaseUnavailable, JobContext, Jobs, JobState, clock
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.rescue import rescue_one, take_over
from dbjobs.store.transactions.settlement import settle
from tests.conformance.helpers import (
    SLACK_SECONDS,
    START,
    Gate,
    eventually,
    nodes,
    soon,
    state_of,
    stop_heartbeat,
    wait_all,
)
from tests.servers import Target

LEASE_SECONDS = 1.0


async def test_a_dead_node_s_jobs_run_elsewhere_within_one_lease(url: str, target: Target) -> None:
    gate, ran = Gate(), asyncio.Event()

    def register_dying(jobs: Jobs) -> None:
        jobs.command(name="work")(gate)

    def register_other(jobs: Jobs) -> None:
        @jobs.command
        async def work(job: JobContext) -> int:
            ran.set()
            return job.attempt

    async with nodes(url, 1, register_dying, lease_seconds=LEASE_SECONDS, grace_seconds=0) as (dying,):
        refs = [await dying.enqueue("work") for _ in range(3)]
        await eventually(lambda: gate.inside == 3, "all three run")
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        died = time.monotonic()
        async with nodes(url, 1, register_other, lease_seconds=LEASE_SECONDS) as (other,):
            await soon(ran, "the job runs on the other node")
            took = time.monotonic() - died
            ended = await wait_all(other, refs)
            assert took < 2 * LEASE_SECONDS + SLACK_SECONDS * target.slowness  # the other node's start is in it
            # The rescued attempt counts, and says what happened.
            for job in ended:
                assert (job.state, job.response) == (JobState.COMPLETED, 2)
                assert [error.code for error in job.errors] == ["node_lost"]


async def test_a_late_finish_changes_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    started: list[int] = []

    async def work(job: JobContext) -> str:
        started.append(job.attempt)
        if job.attempt == 1:
            await gate()
            job.log("from the past")
            job.progress(0.99, "from the past")
            return "late"
        return "in time"

    def register(jobs: Jobs) -> None:
        jobs.command(work)

    async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS) as (dying,):
        ref = await dying.enqueue(work)
        child = await dying.enqueue(work, depends_on=ref, run_after=0)
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS) as (other,):
            before = await other.wait(ref, timeout=10)
            gate.open()
            await eventually(lambda: "no longer ours" in caplog.text, "the late finisher is told")
            (dropped,) = [record for record in caplog.records if "no longer ours" in record.message]
            assert (vars(dropped)["job_id"], vars(dropped)["command"], vars(dropped)["attempt"]) == (ref.id, "work", 1)
            after = await other.get(ref)
            lines = await other.logs(ref)
            assert await state_of(other, child) is not JobState.CANCELLED
            await other.cancel(child)
    assert before == after
    assert (before.response, lines) == ("in time", [])


async def test_a_late_finish_does_not_take_a_running_attempt_from_its_new_owner(url: str) -> None:
    first, second = Gate(), Gate()

    async def work(job: JobContext) -> str:
        await (first if job.attempt == 1 else second)()
        return f"attempt {job.attempt}"

    def register(jobs: Jobs) -> None:
        jobs.command(work)

    async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS) as (dying,):
        ref = await dying.enqueue(work, worker="w")
        await first.wait_entered()
        engine = dying._client.engine
        assert engine is not None
        stop_heartbeat(engine)
        async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS) as (other,):
            await second.wait_entered()
            first.open()
            held = engine._runners.memory.held
            await eventually(lambda: not engine._finisher and not held, "the late outcome is refused")
            assert await state_of(other, ref) is JobState.STARTED
            following = await other.enqueue(work, worker="w")
            assert await state_of(other, following) is JobState.QUEUED, "its lane was given away"
            second.open()
            assert (await other.wait(ref, timeout=10)).response == "attempt 2"
            await other.cancel(following)


@pytest.mark.parametrize("limit", [0, 2])
async def test_a_job_that_kills_its_nodes_runs_out_of_tries(url: str, limit: int) -> None:
    """A poisonous job is failed, with the reason, and not run for ever."""
    gate = Gate()

    def register(jobs: Jobs) -> None:
        jobs.command(name="poison", retry_limit=limit)(gate)

    async with nodes(url, 1, lambda jobs: None, lease_seconds=LEASE_SECONDS) as (other,):
        other.declare("poison", retry_limit=limit)
        ref = await other.enqueue("poison")
        for number in range(1, limit + 2):
            gate.entered.clear()
            async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS, grace_seconds=0) as (dying,):
                await gate.wait_entered()
                assert dying._client.engine is not None
                dying._client.engine._dispatcher.stop()
                stop_heartbeat(dying._client.engine)

                async def rescued(number: int = number) -> bool:
                    job = await other.get(ref)
                    return job is not None and len(job.errors) == number

                await eventually(rescued, "the other node takes the job over")
        done = await other.wait(ref, timeout=10)
    assert (done.state, done.error_code, done.attempt) == (JobState.FAILED, "node_lost", limit + 1)


async def test_a_job_asked_to_be_cancelled_is_not_run_again_when_its_node_dies(url: str) -> None:
    gate = Gate()

    def register(jobs: Jobs) -> None:
        @jobs.command
        async def stubborn() -> None:
            while not gate.opened.is_set():
                try:
                    await gate()
                except asyncio.CancelledError:
                    continue

    async with nodes(url, 1, register, lease_seconds=LEASE_SECONDS, grace_seconds=0, unresponsive_seconds=30) as (
        dying,
    ):
        ref = await dying.enqueue("stubborn")
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, lambda jobs: None, lease_seconds=LEASE_SECONDS) as (other,):
            other.declare("stubborn")
            await other.cancel(ref)
            done = await other.wait(ref, timeout=10)
            gate.open()
    assert done.state is JobState.CANCELLED


@pytest.mark.once
async def test_a_node_that_cannot_renew_stops_its_jobs_and_comes_back_under_a_new_id(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    lease_seconds = 5.0  # a fifth of it is left when the node stops its jobs
    real = repository.heartbeat
    broken = False

    async def heartbeat(*arguments: Any) -> bool:
        if broken:
            raise DatabaseUnavailable("cut off")
        return await real(*arguments)

    monkeypatch.setattr(repository, "heartbeat", heartbeat)
    async with nodes(url, 1, lambda jobs: jobs.command(name="slow")(gate), lease_seconds=lease_seconds) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        old = engine.node_id
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        broken = True
        cut = time.monotonic()
        await eventually(lambda: gate.cancelled == 1, "the handler is stopped")
        assert time.monotonic() - cut < lease_seconds, "it went on when others could have its job"
        broken = False
        await eventually(lambda: engine.node_id not in (None, old), "the node is back under a new id")
        gate.open()
        done = await jobs.wait(ref, timeout=10)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 2)


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_node_that_wakes_up_after_its_lease_starts_nothing_more(url: str, worker: str | None) -> None:
    """A suspended machine finds jobs in its memory that others may be running by now."""
    gate = Gate()
    started: list[tuple[str, int]] = []

    def register_as(name: str) -> Any:
        def register(jobs: Jobs) -> None:
            @jobs.command
            async def work(request: int) -> None:
                started.append((name, request))
                if name == "sleeper":
                    await gate()

        return register

    settings = {"lease_seconds": LEASE_SECONDS, "concurrency": 1, "grace_seconds": 0}
    async with nodes(url, 1, register_as("sleeper"), **settings) as (sleeper,):
        engine = sleeper._client.engine
        assert engine is not None
        refs = await sleeper.enqueue_many("work", range(4), worker=worker)
        await gate.wait_entered()
        engine._node._stopping.set()  # as if every thread but the event loop's were still asleep
        await eventually(lambda: gate.cancelled == 1, "the event loop notices by itself that the lease is over")
        assert clock.now() > engine._node.lease_ends
        gate.open()
        async with nodes(url, 1, register_as("other"), lease_seconds=LEASE_SECONDS) as (other,):
            await wait_all(other, refs)
    assert [request for name, request in started if name == "sleeper"] == [0]
    assert {request for name, request in started if name == "other"} >= {1, 2, 3}


async def test_many_nodes_bury_a_dead_one_once(url: str) -> None:
    gate = Gate()
    attempts: list[int] = []

    def register_other(jobs: Jobs) -> None:
        @jobs.command
        async def work(job: JobContext) -> None:
            attempts.append(job.attempt)

    async with nodes(
        url, 1, lambda jobs: jobs.command(name="work")(gate), lease_seconds=LEASE_SECONDS, grace_seconds=0
    ) as (dying,):
        refs = [await dying.enqueue("work") for _ in range(40)]
        await eventually(lambda: gate.inside == 40, "all run on the node that dies")
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 3, register_other, lease_seconds=LEASE_SECONDS) as (other, *_):
            await wait_all(other, refs)
    assert attempts == [2] * 40


async def test_the_fence_is_job_and_attempt_and_node(url: str, jobs: Jobs) -> None:
    """Every write of a runner names all three; with any of them wrong it writes nothing."""
    gate = Gate()
    jobs.command(name="slow")(gate)
    db = make_database(url)
    await db.open()
    try:
        async with jobs.start() as engine:
            ref = await jobs.enqueue("slow")
            await gate.wait_entered()
            node = engine.node_id
            assert node is not None
            for node_id, attempt in [(node + 1, 1), (node, 2), (node, 0)]:
                for kind in ("completed", "failed", "cancelled", "retry", "hand_back", "executed"):
                    outcome = Outcome(id=ref.id, attempt=attempt, kind=kind)
                    settlement = await settle(db, node_id, [outcome])
                    assert settlement.lost == {ref.id}, (node_id, attempt, kind)
            assert await state_of(jobs, ref) is JobState.STARTED
            gate.open()
            assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED
    finally:
        await db.close()


async def test_a_lease_that_has_lapsed_is_renewed_while_nobody_has_taken_it(url: str, jobs: Jobs) -> None:
    """After it was buried it never is again, nor does the node claim anything more."""
    jobs.command(name="work")(lambda: None)
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 60.0, "{}")
            assert not await repository.bury_node(db, node), "its lease holds"
            assert await repository.heartbeat(db, node, -1.0, "{}")
            await jobs.enqueue("work")
            wanted = [("default", 1, *START)]
            assert await repository.claim_jobs(db, node, wanted, 1, ["work"]) == [], "its lease has lapsed"
            assert await repository.heartbeat(db, node, 60.0, "{}"), "and is renewed"
            assert not await repository.bury_node(db, node)
            assert len(await repository.claim_jobs(db, node, wanted, 1, ["work"])) == 1

            assert await repository.heartbeat(db, node, -1.0, "{}")
            assert await repository.bury_node(db, node)
            assert not await repository.bury_node(db, node), "only once"
            assert not await repository.heartbeat(db, node, 60.0, "{}")
            await jobs.enqueue("work")
            assert await repository.claim_jobs(db, node, wanted, 1, ["work"]) == []
            assert [(other.id, other.buried) for other in await repository.list_nodes(db)] == [(node, True)]
            assert not await repository.remove_node(db, node), "it holds a job"
            rescued = await take_over(db, node)
            assert (rescued.requeued, rescued.ended) == (1, 0)
            assert await repository.list_nodes(db) == []
        finally:
            await db.close()


async def test_the_entry_of_a_lost_node_has_a_time(url: str, jobs: Jobs) -> None:
    jobs.command(name="work")(lambda: None)
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 60.0, "{}")
            ref = await jobs.enqueue("work", retry_limit=0)
            assert len(await repository.claim_jobs(db, node, [("default", 1, *START)], 1, ["work"])) == 1
            assert await repository.heartbeat(db, node, -1.0, "{}")
            assert await rescue_one(db) is not None
            ended = await jobs.wait(ref, timeout=5)
            assert (ended.state, ended.error_code) == (JobState.FAILED, "node_lost")
            (entry,) = ended.errors
            assert (entry.code, entry.node_id) == ("node_lost", node)
            assert entry.at is not None
            assert entry.at.tzinfo is UTC
            assert ended.created_at - timedelta(hours=1) < entry.at < ended.created_at + timedelta(hours=1)
        finally:
            await db.close()


async def test_a_node_ends_its_own_old_lease_when_it_is_over_on_its_own_clock(url: str) -> None:
    """After an outage nobody has watched it, and a heartbeat that was held up may have renewed it by mistake."""
    db = make_database(url)
    async with nodes(url, 1, lambda jobs: None, lease_seconds=LEASE_SECONDS) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        await db.open()
        try:
            over, holds = [await repository.register_node(db, "before", 600.0, "{}") for _ in range(2)]
            engine._janitor.give_up(over, clock.now())
            engine._janitor.give_up(holds, clock.now() + 600.0)

            async def is_gone() -> bool:
                return over not in {node.id for node in await repository.list_nodes(db)}

            await eventually(is_gone, "it is gone long before its lease is")
            assert holds in {node.id for node in await repository.list_nodes(db)}
        finally:
            await db.close()


async def test_a_rescue_tells_the_children_of_what_it_ends(url: str, jobs: Jobs) -> None:
    """No worker runs here, so nobody sweeps."""
    jobs.command(name="work")(lambda: None)
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 60.0, "{}")
            parent = await jobs.enqueue("work", retry_limit=0)
            anyhow = await jobs.enqueue("work", depends_on=parent, depends_on_policy="finished")
            doomed = await jobs.enqueue("work", depends_on=parent)
            assert len(await repository.claim_jobs(db, node, [("default", 1, *START)], 1, ["work"])) == 1
            assert await repository.heartbeat(db, node, -1.0, "{}")
            assert await rescue_one(db) is not None
            found = await repository.get_jobs(db, [parent.id, anyhow.id, doomed.id])
            states = [found[ref.id].state for ref in (parent, anyhow, doomed)]
            assert states == [JobState.FAILED, JobState.QUEUED, JobState.CANCELLED]
        finally:
            await db.close()
