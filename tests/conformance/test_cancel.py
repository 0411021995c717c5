"""Cancel reaches a job wherever it is: waiting anywhere, or running on any node."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dbjobs import InvalidOption, JobContext, Jobs, JobState, UnknownJob
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.records import Outcome
from tests.conformance.helpers import START, Gate, eventually, nodes, state_of, wait_all


async def echo(request: Any) -> Any:
    return request


async def test_a_queued_job_is_cancelled_at_once(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo)
        assert await jobs.cancel(ref, reason="not needed") is True
        job = await jobs.get(ref)
    assert job is not None
    assert (job.state, job.error_code, job.error) == (JobState.CANCELLED, "cancelled", "not needed")
    assert job.completed_at is not None


@pytest.mark.parametrize("options", [{"run_after": 60}, {"worker": "w"}, {"queue": "q", "ref_id": "r"}])
async def test_a_cancelled_job_never_runs(jobs: Jobs, options: dict[str, Any]) -> None:
    calls: list[str] = []

    @jobs.command
    async def note(request: str) -> None:
        calls.append(request)

    async with jobs:
        ref = await jobs.enqueue(note, "cancelled", **options)
        await jobs.cancel(ref)
        async with jobs.start():
            options.pop("run_after", None)
            options.pop("ref_id", None)
            await jobs.wait(await jobs.enqueue(note, "other", **options), timeout=10)
    assert calls == ["other"]


async def test_a_finished_job_stays_as_it_ended(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(echo, 5), timeout=10)
        assert await jobs.cancel(done.id) is False
        assert await jobs.get(done.id) == done


async def test_an_unknown_job_is_named(jobs: Jobs) -> None:
    async with jobs:
        with pytest.raises(UnknownJob, match="424242"):
            await jobs.cancel(424242)


@pytest.mark.parametrize("from_elsewhere", [False, True])
@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_running_job_is_interrupted(url: str, jobs: Jobs, from_elsewhere: bool, worker: str | None) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    client = Jobs(url)
    async with client, jobs.start(lease_seconds=3):
        ref = await jobs.enqueue("slow", worker=worker)
        await gate.wait_entered()
        assert await (client if from_elsewhere else jobs).cancel(ref) is True
        done = await jobs.wait(ref, timeout=10)
    assert gate.cancelled == 1
    assert (done.state, done.attempt) == (JobState.CANCELLED, 1)
    assert done.cancel_requested_at is not None


async def test_a_running_plain_handler_is_told(jobs: Jobs) -> None:
    ended = threading.Event()

    @jobs.command
    def patient(job: JobContext) -> None:
        try:
            for _ in range(2000):
                job.check()
                ended.wait(0.01)
        finally:
            ended.set()

    async with jobs.start():
        ref = await jobs.enqueue(patient)

        async def runs() -> bool:
            return await state_of(jobs, ref) is JobState.STARTED

        await eventually(runs, "the job runs")
        await jobs.cancel(ref)
        assert (await jobs.wait(ref, timeout=10)).state is JobState.CANCELLED
        assert await asyncio.to_thread(ended.wait, 10), "the thread has seen its cancellation"


async def test_descendants_of_a_cancelled_running_job_are_cancelled(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    async with jobs.start():
        ref = await jobs.enqueue("slow")
        child = await jobs.enqueue(echo, depends_on=ref)
        grandchild = await jobs.enqueue(echo, depends_on=child)
        await gate.wait_entered()
        await jobs.cancel(ref)
        ended = await wait_all(jobs, [ref, child, grandchild])
    assert {job.state for job in ended} == {JobState.CANCELLED}


async def test_a_running_job_that_fails_while_it_is_being_cancelled_is_not_retried(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command(retry_limit=5)
    async def rude() -> None:
        try:
            await gate()
        except asyncio.CancelledError:
            raise ValueError("not the right thing to raise") from None

    async with jobs.start():
        ref = await jobs.enqueue(rude)
        await gate.wait_entered()
        await jobs.cancel(ref)
        done = await jobs.wait(ref, timeout=10)
    assert (done.state, done.attempt) == (JobState.CANCELLED, 1)


async def test_cancel_many_takes_what_has_all_the_options(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        several: dict[str, dict[str, Any]] = {
            "a1": {"tag": "a", "queue": "one"},
            "a2": {"tag": "a", "queue": "two"},
            "late": {"tag": "a", "queue": "one", "run_after": 60.0},
            "b": {"tag": "b", "batch_id": "batch"},
            "lane": {"worker": "w"},
            "other": {},
        }
        refs = {name: await jobs.enqueue(echo, **options) for name, options in several.items()}

        async def cancelled() -> set[str]:
            return {name for name, ref in refs.items() if await state_of(jobs, ref) is JobState.CANCELLED}

        assert await jobs.cancel_many(tag="a", queue="one", state="queued") == 1
        assert await cancelled() == {"a1"}
        assert await jobs.cancel_many(tag="a") == 2
        assert await cancelled() == {"a1", "a2", "late"}
        assert await jobs.cancel_many(batch_id="batch") == 1
        assert await jobs.cancel_worker("w") == 1
        assert await cancelled() == set(refs) - {"other"}
        assert await jobs.cancel_many(queue="default", state=JobState.SCHEDULED) == 0


async def test_cancel_many_takes_thousands(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        await jobs.enqueue_many(echo, range(2300), queue="many")
        kept = await jobs.enqueue(echo)
        assert await jobs.cancel_many(queue="many", reason="all of them") == 2300
        assert [row.id for row in await jobs.list(state="queued")] == [kept.id]


async def test_cancel_many_needs_an_option(jobs: Jobs) -> None:
    async with jobs:
        with pytest.raises(InvalidOption, match="at least one"):
            await jobs.cancel_many()
        with pytest.raises(InvalidOption, match="state='gone'"):
            await jobs.cancel_many(state="gone")


async def test_cancel_worker_reaches_the_running_job_and_those_behind(url: str) -> None:
    gate = Gate()
    async with nodes(url, 2, lambda jobs: jobs.command(name="slow")(gate), lease_seconds=3) as (one, other):
        refs = [await one.enqueue("slow", worker="w") for _ in range(8)]
        await gate.wait_entered()
        assert await other.cancel_worker("w") == 8
        ended = await wait_all(one, refs)
        assert {job.state for job in ended} == {JobState.CANCELLED}
        gate.open()
        assert (await one.wait(await one.enqueue("slow", worker="w"), timeout=10)).state is JobState.COMPLETED


async def test_cancelling_while_jobs_finish_leaves_each_in_one_state(url: str) -> None:
    async with nodes(url, 2, lambda jobs: jobs.command(echo), lease_seconds=2) as (one, other):
        refs = await one.enqueue_many(echo, range(600), tag="t")
        reached = await other.cancel_many(tag="t")
        ended = await wait_all(one, refs)
        states = [job.state for job in ended]
        rows = await one.list(limit=1000)
    assert set(states) <= {JobState.COMPLETED, JobState.CANCELLED}
    assert states.count(JobState.CANCELLED) <= reached
    assert len(rows) == 600


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
@pytest.mark.parametrize("kind", ["retry", "hand back"])
async def test_a_job_that_goes_back_into_its_queue_at_this_moment_is_cancelled(url: str, jobs: Jobs, kind: str) -> None:
    """Its row is locked while it is looked for: it is neither missed nor left to run once more."""
    jobs.command(name="work")(lambda: None)
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 60.0, "{}")
            ref = await jobs.enqueue("work", retry_limit=3)
            (claimed,) = await repository.claim_jobs(db, node, [("default", 1, *START)], 1, ["work"])
            async with db.transaction() as session:
                if kind == "retry":
                    again = Outcome(id=ref.id, attempt=claimed.attempt, kind="retry", delay_seconds=0.5)
                    assert await repository.retry_jobs(session, node, node, [again])
                else:
                    again = Outcome(id=ref.id, attempt=claimed.attempt, kind="hand_back")
                    assert await repository.hand_back_jobs(session, node, [again])
                cancelling = asyncio.create_task(jobs.cancel(ref))
                await asyncio.sleep(0.2)
                assert not cancelling.done(), "it is tried again"
            assert await asyncio.wait_for(cancelling, 10) is True
            assert await state_of(jobs, ref) is JobState.CANCELLED
        finally:
            await db.close()


async def test_names_and_reasons_of_any_text_do_no_harm(jobs: Jobs) -> None:
    jobs.declare("elsewhere")
    async with jobs:
        ref = await jobs.enqueue("elsewhere")
        for strange in ("a\0b", "half a pair: \ud800"):
            assert await jobs.list(queue=strange) == []
            assert (await jobs.find(tag=strange)).complete
            assert (await jobs.find(batch_id=strange)).jobs == ()
            assert await jobs.cancel_many(queue=strange, tag=strange) == 0
            assert await jobs.requeue_many(command=strange) == 0
        assert await jobs.cancel(ref, reason="because \0 and \ud800")
        job = await jobs.get(ref)
    assert job is not None
    assert job.error == "because \\0 and \\ud800"
