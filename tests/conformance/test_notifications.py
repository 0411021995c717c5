"""Those whom a job's reply_to names hear of its end: at least once, however it ended, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from dbjobs import JobContext, JobRef, Jobs, JobState, Schedule
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE, before_requeue
from tests.conformance.helpers import Gate, eventually, stop_heartbeat, wait_all
from tests.conformance.notifying import by_id, delivery_of, register, work
from tests.conformance.raw import Raw
from tests.receiver import Received, Receiver, answer
from tests.servers.processes import Spawn

pytestmark = pytest.mark.about_us


async def test_every_end_is_told_and_no_other_job_has_a_delivery(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    jobs.command(retry_limit=0, name="enqueues")(enqueues_a_child)
    to = receiver.url(login="token@")
    async with jobs.start():
        refs = {
            "completed": await jobs.enqueue(work, "a", reply_to=to, tag="t"),
            "failed": await jobs.enqueue(work, "fail", reply_to=to),
            "cancelled": await jobs.enqueue(work, "cancel", reply_to=to),
            "before its time": await jobs.enqueue(work, "later", reply_to=to, run_after=3600),
            "expired": await jobs.enqueue(work, "x", reply_to=to, run_after=3600, expires_after=0.1),
            "lane and ref_id": await jobs.enqueue(work, "l", reply_to=to, worker="lane", ref_id="mine"),
            "callback": await jobs.enqueue(work, "c", reply_to=to, callback=work),
            "doomed": await jobs.enqueue(
                work, "d", reply_to=to, depends_on=await jobs.enqueue(work, "fail", run_after=0.2)
            ),
            "in a handler": await jobs.enqueue("enqueues", to),
        }
        await jobs.cancel(refs["before its time"])
        again = await jobs.enqueue(work, "l", reply_to=to, ref_id="mine")
        assert not again.created
        many = await jobs.enqueue_many(work, ["m"] * 3, reply_to=to)
        async with jobs.graph() as graph:
            first = graph.add(work, "fail", reply_to=to)
            graph.add(work, "g", after=[first], reply_to=to, depends_on_policy="finished")
        async with jobs.batch("b", callback=work) as batch:
            batch.add(work, "b", reply_to=to)
        silent = await jobs.enqueue(work, "silent")
        child = JobRef((await jobs.wait(refs.pop("in a handler"))).response)
        told = [*refs.values(), child, *many, *(job.ref for job in graph.jobs), batch.jobs[0].ref]
        await eventually(lambda: len(receiver.received) >= len(told), "all are told")
        ended = {job.id: str(job.state) for job in await wait_all(jobs, [*told, silent])}
        silent_id = silent.id
        assert {**by_id(receiver.received), silent_id: "completed"} == ended
        assert len(receiver.received) == len(told)
        assert [ended[refs[name].id] for name in ("failed", "before its time", "expired", "doomed")] == [
            "failed", *["cancelled"] * 3
        ]  # fmt: skip
        deliveries = await jobs.list(queue=DELIVERY_QUEUE, limit=100)
        assert len(deliveries) == len(told)
        assert await jobs.get_by_ref_id(f"notify:{silent.id}") is None
        # A handler sees what was given; a delivery is a child that says how it went.
        assert (await jobs.wait(refs["completed"])).response == f"a {to}"
        delivery = await delivery_of(jobs, refs["completed"])
        assert (delivery.parent_id, delivery.response) == (refs["completed"].id, {"status": 204, "redirects": 0})
    for request in receiver.received:
        assert request.headers["webhook-id"].startswith(f"job-{request.data['id']}-{request.data['attempt']}-")
        assert request.headers["authorization"] == "Bearer token"


async def enqueues_a_child(request: str, job: JobContext) -> int:
    return (await job.enqueue("work", "child", reply_to=request)).id


@pytest.mark.parametrize("count", [5, 1200])
async def test_each_of_many_has_a_delivery_of_its_own(jobs: Jobs, count: int) -> None:
    register(jobs)
    async with jobs:
        refs = await jobs.enqueue_many(work, ["x"] * count, reply_to="https://example.com/hook")
        first, last = [await jobs.get_by_ref_id(f"notify:{ref.id}") for ref in (refs[0], refs[-1])]
        assert first is not None
        assert last is not None
        assert [one.depends_on for one in (first, last)] == [(refs[0].id,), (refs[-1].id,)]
        assert await jobs.counts() == {("default", "queued"): count, (DELIVERY_QUEUE, "waiting"): count}


async def test_a_requeued_job_is_told_of_again(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    gate, fails = Gate(), True

    @jobs.command(name="sometimes", retry_limit=0)
    async def sometimes() -> None:
        if fails:
            raise ValueError("no")
        await gate()

    async with jobs.start():
        ref = await jobs.enqueue("sometimes", reply_to=receiver.url(login="token@"))
        await eventually(lambda: len(receiver.received) == 1, "its failure is told")
        fails = False
        # By somebody who knows neither the command nor a notifier: the command line.
        async with Jobs(jobs.url) as other:
            assert await other.requeue(ref.id)
        await gate.wait_entered()
        await eventually(lambda: _waits_for(jobs, ref), "a delivery waits for the next end", timeout=20)
        gate.open()
        await eventually(lambda: len(receiver.received) == 2, "its next end is told")
    first, second = receiver.received
    assert (first.data["state"], second.data["state"]) == ("failed", "completed")
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer token"


async def _waits_for(jobs: Jobs, ref: JobRef) -> bool:
    waiting = await jobs.list(queue=DELIVERY_QUEUE, state=JobState.WAITING)
    return [one.parent_id for id in waiting if (one := await jobs.get(id.id)) is not None] == [ref.id]


async def test_who_dies_in_the_middle_of_a_requeue_leaves_a_repeat_and_no_gap(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    async with jobs.start():
        ref = await jobs.enqueue(work, "fail", reply_to=receiver.url())
        await eventually(lambda: len(receiver.received) == 1, "its failure is told")
        await before_requeue(jobs._client.db, [ref.id])  # and then its process is killed
        await eventually(lambda: len(receiver.received) == 2, "the same is told again")
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1


async def test_each_run_of_a_scheduled_task_is_told_once(jobs: Jobs, receiver: Receiver) -> None:
    for one in (jobs, other := Jobs(jobs.url)):
        register(one)
        one.recurring(Schedule.every(3600), name="often", request="a", run_at_once=True, reply_to=receiver.url())(work)
    async with jobs.start(), other.start():
        await eventually(lambda: len(receiver.received) == 1, "its first run is told")
        ref = await jobs.schedules.run_now("often")
        await eventually(lambda: len(receiver.received) == 2, "another run is told")
        assert (await delivery_of(jobs, ref)).state == "completed"
        # A node that was too late to fire it, or died before it did, has announced a delivery as well.
        announced = [one for one in await jobs.list(queue=DELIVERY_QUEUE) if one.ref_id is None]
        assert announced
        assert {job.state for job in await wait_all(jobs, [JobRef(one.id) for one in announced])} == {"completed"}
        assert [row.id for row in await jobs.list(command="work")] == [
            request.data["id"] for request in reversed(receiver.received)
        ]


async def test_a_caller_s_rollback_takes_the_delivery_with_it(jobs: Jobs, raw: Raw, receiver: Receiver) -> None:
    register(jobs)
    async with jobs.start():
        for commits in (True, False):
            async with raw.connection() as connection:
                await connection.begin()
                await jobs.enqueue(work, "one", reply_to=receiver.url(), connection=connection.driver)
                await jobs.enqueue_many(work, ["many"] * 2, reply_to=receiver.url(), connection=connection.driver)
                await (connection.commit() if commits else connection.rollback())
        await eventually(lambda: len(receiver.received) == 3, "what was committed is told")
        assert len(await jobs.list(queue=DELIVERY_QUEUE)) == 3


@pytest.mark.once
async def test_sync_enqueues_are_told_of_too(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    async with jobs.start():
        await asyncio.to_thread(jobs.sync.enqueue, work, "a", reply_to=receiver.url())
        await eventually(lambda: len(receiver.received) == 1, "it is told")
        await asyncio.to_thread(jobs.sync.close)


NODE = """
import asyncio, os
from dbjobs import Jobs
from dbjobs.webhooks import HttpNotifier
jobs = Jobs(os.environ["URL"])
jobs.notifier(HttpNotifier(allow_private=True, timeout=50))
@jobs.command
async def work(request: str) -> str:
    return request
asyncio.run(jobs.run_forever(lease_seconds=1))
"""


async def test_a_node_that_is_killed_between_the_end_and_the_answer_loses_no_notice(
    jobs: Jobs, url: str, receiver: Receiver, spawn: Spawn
) -> None:
    register(jobs)
    gate = Gate()

    async def hang(_: Received) -> bytes:
        await gate()
        return answer(204)

    receiver.answer = hang
    doomed = spawn("-c", NODE, env={"URL": url, "PYTHONPATH": str(Path(__file__).parents[2])})
    async with jobs:
        ref = await jobs.enqueue(work, "a", reply_to=receiver.url())
        await eventually(lambda: gate.inside == 1, "the job has ended and its delivery has begun", timeout=60)
        assert (await jobs.wait(ref)).state == "completed"
        os.kill(doomed.pid, signal.SIGKILL)
        await asyncio.to_thread(doomed.wait)
        receiver.answer = lambda _: answer(204)
        async with jobs.start(lease_seconds=1):
            delivery = await delivery_of(jobs, ref)
    assert (delivery.state, delivery.attempt) == ("completed", 2)
    assert [request.data["id"] for request in receiver.received] == [ref.id] * 2
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1


async def test_a_job_that_is_lost_with_its_node_is_told_of(jobs: Jobs, receiver: Receiver) -> None:
    """Ends that no handler has come to: the rescue of a dead node fails the job."""
    register(jobs)
    gate = Gate()
    dead = Jobs(jobs.url)
    dead.command(name="stuck", retry_limit=0)(gate.__call__)
    jobs.declare("stuck", retry_limit=0)
    async with dead.start(lease_seconds=1) as engine:
        async with jobs:
            await jobs.enqueue("stuck", reply_to=receiver.url())
            await gate.wait_entered()
            stop_heartbeat(engine)
            async with jobs.start(lease_seconds=1):
                await eventually(lambda: len(receiver.received) == 1, "it is told")
        gate.open()
    assert receiver.received[0].data["error"]["code"] == "node_lost"
