"""A delivery is a job of its own: it takes no place of others, is tried again, and gives up where there is no point."""

from __future__ import annotations

import pytest

from dbjobs import Jobs
from dbjobs.engine import crews
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE, before_fire
from tests.conformance.helpers import Gate, eventually, wait_all
from tests.conformance.notifying import by_id, delivery_of, register, work
from tests.receiver import Received, Receiver, answer

pytestmark = pytest.mark.about_us


async def test_a_receiver_that_does_not_answer_holds_up_nothing(
    jobs: Jobs, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "DELIVERY_PLACES", 2)
    register(jobs)
    jobs.command(name="plain", retry_limit=0)(lambda: "in a thread")
    gate = Gate()

    async def hang(_: Received) -> bytes:
        await gate()
        return answer(204)

    receiver.answer = hang
    async with jobs.start(concurrency=1):
        refs = [await jobs.enqueue(work, str(n), reply_to=receiver.url(), worker="lane") for n in range(4)]
        refs += [await jobs.enqueue(work, str(n), reply_to=receiver.url()) for n in range(4)]
        await wait_all(jobs, refs)
        await eventually(lambda: gate.inside == 2, "as many deliveries are made as there are places for")
        # The one place for handlers is free.
        assert (await jobs.wait(await jobs.enqueue(work, "more", worker="lane"), timeout=20)).state == "completed"
        assert (await jobs.wait(await jobs.enqueue("plain"), timeout=20)).state == "completed"
        assert gate.inside == 2
        gate.open()
        await eventually(lambda: len(by_id(receiver.received)) == len(refs), "all are told")


@pytest.mark.once
async def test_concurrency_holds_for_handlers_beside_deliveries(
    jobs: Jobs, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "DELIVERY_PLACES", 5)
    register(jobs)
    gates = [Gate(), Gate()]
    most = 0

    @jobs.command(name="loop")
    async def loop() -> None:
        nonlocal most
        most = max(most, gates[0].inside + 1)
        await gates[0]()

    async with jobs.start(concurrency=2) as engine:
        held = await jobs.enqueue_many("loop", [None] * 6)
        await eventually(lambda: gates[0].inside == 2, "both places are taken")
        told = await jobs.enqueue_many(work, ["x"] * 3, reply_to=receiver.url())
        assert [one.state for one in await jobs.list(command="work")] == ["queued"] * 3
        gates[0].open()
        await wait_all(jobs, [*held, *told])
        await eventually(lambda: len(by_id(receiver.received)) == 3, "they are told")
        assert most == 2
        assert engine._runners.busy <= 7


async def test_it_is_tried_again_until_it_is_taken_always_with_the_same_id(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs, retry_limit=5)
    answers = [answer(500), answer(503, "retry-after: 0\r\n"), b"", answer(200)]
    receiver.answer = lambda _: answers.pop(0)
    async with jobs.start():
        delivery = await delivery_of(jobs, await jobs.enqueue(work, "a", reply_to=receiver.url(login="s3cr3t@")))
    assert (delivery.state, delivery.attempt) == ("completed", 4)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert [error.code for error in delivery.errors] == ["NotDelivered", "retry_after", "NotDelivered"]
    assert "s3cr3t" not in repr(delivery)


@pytest.mark.once
async def test_it_gives_up_where_there_is_no_point_and_can_be_requeued(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    receiver.answer = lambda _: answer(410)
    async with jobs.start():
        ref = await jobs.enqueue(work, "a", reply_to=receiver.url())
        delivery = await delivery_of(jobs, ref)
        assert (delivery.state, delivery.attempt, delivery.error_code) == ("failed", 1, "NotDelivered")
        receiver.answer = lambda _: answer(204)
        assert await jobs.requeue(delivery.id)
        await eventually(lambda: len(receiver.received) == 2, "it is sent again")
        assert (await jobs.wait(delivery.id)).state == "completed"
        assert (await jobs.get(ref)).state == "completed"  # type: ignore[union-attr]


@pytest.mark.once
async def test_a_delivery_of_a_task_that_nobody_has_fired_gives_up(
    jobs: Jobs, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbjobs.delivery.FIRED_AGAIN_SECONDS", 0.0)
    register(jobs)
    async with jobs.start():
        delivery = jobs._client.delivery_of(NewJob(command="work", reply_to=receiver.url()))
        await before_fire(jobs._client.db, delivery, "task:gone:x")
        (announced,) = await jobs.list(queue=DELIVERY_QUEUE)
        ended = await jobs.wait(announced.id, timeout=20)
    assert (ended.state, ended.error) == ("cancelled", "there is no job with ref_id 'task:gone:x'")
    assert receiver.received == []


async def test_a_node_delivers_whatever_queues_it_serves_and_a_pause_holds_it(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    async with jobs.start(queues=["default"]):
        await jobs.queues.pause(DELIVERY_QUEUE)
        ref = await jobs.enqueue(work, "a", reply_to=receiver.url())
        await jobs.wait(ref)
        delivery = await jobs.get_by_ref_id(f"notify:{ref.id}")
        assert delivery is not None
        await eventually(lambda: _is(jobs, delivery.id, "queued"), "it is ready")
        reasons = {reason.code for reason in (await jobs.explain(delivery.id)).reasons}
        assert "queue_paused" in reasons
        await jobs.queues.resume(DELIVERY_QUEUE)
        await eventually(lambda: len(receiver.received) == 1, "it is told")


async def _is(jobs: Jobs, id: int, state: str) -> bool:
    job = await jobs.get(id)
    return job is not None and job.state == state


async def test_a_process_that_only_enqueues_declares_who_delivers_elsewhere(jobs: Jobs, receiver: Receiver) -> None:
    producer = Jobs(jobs.url)
    producer.notifier("http", "https", elsewhere=True)
    producer.declare("work")
    async with producer:
        ref = await producer.enqueue("work", "a", reply_to=receiver.url())
    runs_only = Jobs(jobs.url)
    runs_only.command(retry_limit=0)(work)
    async with runs_only.start():
        await runs_only.wait(ref)
    # A node without the notifier has run the job, and has left the delivery to one that has it.
    register(jobs)
    async with jobs.start():
        await eventually(lambda: len(receiver.received) == 1, "it is told")
