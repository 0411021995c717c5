"""Whoever is named by a job's reply_to hears of its end: at least once, however it ended, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dbjobs import (
    Backoff,
    Cancel,
    InvalidOption,
    Job,
    JobContext,
    JobRef,
    Jobs,
    JobState,
    NotDelivered,
    ReplyTo,
    RetryAfter,
    Schedule,
)
from dbjobs.cli.app import app
from dbjobs.engine import crews
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE, before_fire, before_requeue
from dbjobs.testing import inline
from dbjobs.webhooks import HttpNotifier
from tests.conformance.helpers import Gate, eventually, stop_heartbeat, wait_all
from tests.conformance.raw import Raw
from tests.receiver import Received, Receiver, answer, receiving
from tests.servers.processes import Spawn

pytestmark = pytest.mark.about_us

SOON = Backoff(first_seconds=0.01, factor=1, jitter=0)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def work(request: str, job: JobContext) -> str:
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no need")
    return f"{request} {job.reply_to}"


def register(jobs: Jobs, **options: Any) -> None:
    jobs.command(retry_limit=0)(work)
    jobs.notifier(HttpNotifier(allow_private=True, timeout=20), retry=SOON, **options)


async def delivery_of(jobs: Jobs, ref: JobRef) -> Job:
    """The delivery of a job as it ended."""
    found = await jobs.get_by_ref_id(f"notify:{ref.id}")
    assert found is not None, f"job {ref.id} has no delivery"
    return await jobs.wait(found.id, timeout=20)


def by_id(received: list[Received]) -> dict[int, str]:
    return {request.data["id"]: request.data["state"] for request in received}


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


@pytest.mark.once
async def test_a_text_that_no_notifier_is_for_is_kept_and_nothing_more(jobs: Jobs) -> None:
    jobs.command()(work)
    async with jobs.start():
        plain = await jobs.enqueue(work, "a", reply_to="https://token@example.com/x")
        assert (await jobs.wait(plain)).response == "a https://token@example.com/x"
        assert await jobs.list(queue=DELIVERY_QUEUE) == []
    register(other := Jobs(jobs.url))
    async with other:
        await other.enqueue(work, "a", reply_to="slack:#ops")
        await other.enqueue(work, "a", reply_to="inbox")
        assert await other.list(queue=DELIVERY_QUEUE) == []


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


async def test_secrets_are_shown_nowhere(
    jobs: Jobs, receiver: Receiver, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    register(jobs, retry_limit=0)
    receiver.answer = lambda _: answer(400, body=b"secret-token")
    caplog.set_level("DEBUG")
    to = receiver.url(login="user:secret-token@", path="/p?key=secret-token")
    async with jobs.start():
        ref = await jobs.enqueue(work, "fail", reply_to=to)
        await jobs.wait(ref)
        delivery = await delivery_of(jobs, ref)
        assert delivery.state == "failed"
        found = [await jobs.get(id) for id in (ref, delivery.id)]
        looked = await jobs.find(reply_to=mask_reply_to(to), seconds=10)
        assert (await jobs.find(reply_to=to, seconds=10)).jobs == ()  # nobody guesses a secret by searching for it
        lines = [
            await asyncio.to_thread(CliRunner().invoke, app, [*words, "--url", jobs.url])
            for words in (["show", str(ref.id)], ["show", "--json", str(delivery.id)], ["explain", str(delivery.id)])
        ]
        assert [line.exit_code for line in lines] == [0, 0, 0]
        assert all("***@127.0.0.1" in line.output for line in lines[:2])
        shown = [
            *map(repr, found), repr(looked), repr(await jobs.list()), repr(await jobs.explain(ref)),
            repr(await jobs.explain(delivery.id)), repr(await jobs.logs(delivery.id)), caplog.text,
            *(line.output for line in lines),
        ]  # fmt: skip
        assert {job.id for job in looked.jobs} == {ref.id, delivery.id}
        assert "secret-token" not in "".join(shown)
        assert all(job is not None and f"user:***@127.0.0.1:{receiver.port}/p?key=***" in repr(job) for job in found)
        # To run it once more it is there as it was given.
        again = await jobs.replay(ref)
        receiver.received.clear()
        await eventually(lambda: len(receiver.received) == 1, "the replay is told")
        assert receiver.received[0].headers["authorization"].startswith("Basic ")
        assert receiver.received[0].data["id"] == again.id


@pytest.mark.once
async def test_any_scheme_may_have_a_notifier(jobs: Jobs) -> None:
    told: list[tuple[Job[Any], ReplyTo]] = []
    jobs.command(retry_limit=0)(work)

    @jobs.notifier("slack", "chat", retry_limit=1, retry=SOON)
    async def chat(job: Job[Any], target: ReplyTo) -> str:
        told.append((job, target))
        if target.attempt == 1:
            raise ValueError(f"cannot reach {target.text}")
        return "sent"

    def plain(job: Job[Any], target: ReplyTo) -> None:
        asyncio.run(asyncio.sleep(0))  # not in the event loop's thread
        told.append((job, target))

    assert jobs.notifier("sms", plain) is plain
    jobs.notifier("later", lambda job, target: _raise(RetryAfter(0) if target.attempt == 1 else Cancel("no")))
    async with jobs.start():
        sms = await jobs.enqueue(work, "a", reply_to="sms:+1")
        assert (await delivery_of(jobs, sms)).state == "completed"
        slack = await delivery_of(jobs, await jobs.enqueue(work, "fail", reply_to="slack://:secret@x"))
        later = await delivery_of(jobs, await jobs.enqueue(work, "a", reply_to="later:x"))
    assert (slack.state, slack.response, slack.attempt) == ("completed", "sent", 2)
    assert slack.errors[0].message == "NotDelivered: ValueError: cannot reach slack://:***@x"
    assert (later.state, later.attempt, later.error) == ("cancelled", 2, "no")
    assert [(job.state, target.text, target.scheme) for job, target in told] == [
        ("completed", "sms:+1", "sms"), *[("failed", "slack://:secret@x", "slack")] * 2
    ]  # fmt: skip
    assert told[1][1].id == told[2][1].id
    assert "secret" not in repr(told[1][1])


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.once
async def test_in_inline_mode_it_is_told_at_once(jobs: Jobs) -> None:
    jobs.command(retry_limit=0)(work)
    told: list[tuple[str, str]] = []
    jobs.notifier("slack", lambda job, target: told.append((job.state, target.text)))
    async with inline(jobs, errors="record") as ran:
        ref = await jobs.enqueue(work, "a", reply_to="slack:#ops")
        await jobs.enqueue(work, "fail", reply_to="slack:#ops")
        await jobs.replay(ref)
        assert [job.command for job in ran.jobs] == ["work", "dbjobs.notify.slack"] * 3
    assert told == [("completed", "slack:#ops"), ("failed", "slack:#ops"), ("completed", "slack:#ops")]


@pytest.mark.once
async def test_each_wrong_use_has_its_error(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    loose: Any = jobs  # a type checker refuses most of these

    def refuses(text: str) -> Any:
        return pytest.raises(InvalidOption, match=text)

    with refuses("notifier: there is one for 'http' already"):
        loose.notifier("http", lambda job, target: None)
    with refuses("notifier: 'Slack:' is no scheme"):
        loose.notifier("Slack:")
    with refuses("name a scheme"):
        loose.notifier()
    with refuses("knows no schemes of its own; name them"):
        loose.notifier(lambda job, target: None)
    with refuses("cannot be called with \\(job, target\\)"):
        loose.notifier("sms", 5)
    with refuses("cannot be called with \\(job, target\\): too many positional"):
        loose.notifier("sms", lambda job: None)
    with refuses("cannot be called with"):
        loose.notifier("sms", HttpNotifier)
    with refuses("elsewhere=True takes schemes alone"):
        loose.notifier("sms", lambda job, target: None, elsewhere=True)
    with refuses("unknown option 'worker'; the options are priority, retry, retry_limit, timeout"):
        loose.notifier("sms", worker="x")
    with refuses("command 'dbjobs.notify.sms': option retry_limit=-1"):
        loose.notifier("sms", lambda job, target: None, retry_limit=-1)
    with refuses("option queue must not be 'dbjobs.notify'"):
        jobs.command(queue=DELIVERY_QUEUE, name="other")(work)
    async with jobs.start():
        with refuses("register notifiers before the workers of this process start"):
            loose.notifier("sms", lambda job, target: None)
        for call in (
            lambda: jobs.enqueue(work, "a", reply_to="https://secret@"),
            lambda: jobs.enqueue(work, "a", reply_to="https://secret@", connection=object()),
            lambda: jobs.enqueue_many(work, ["a"], reply_to="https://secret@"),
        ):
            with refuses(r"job of 'work': option reply_to: 'https://\*\*\*@': there is no host"):
                await call()
        with refuses(r"option reply_to='https://\*\*\*@xxx.*must have at most 255 characters"):
            await jobs.enqueue(work, "a", reply_to="https://secret@" + "x" * 300)
        assert await jobs.list() == []
    with pytest.raises(NotDelivered, match="no"):
        raise NotDelivered("no")
