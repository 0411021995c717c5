"""Queues: which node serves them, how many of their jobs run at once, pause and resume."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import InvalidOption, JobRef, Jobs, JobState
from dbjobs.engine.queues import Queues
from dbjobs.store.database import Database
from tests.conformance.helpers import Gate, Runs, eventually, soon, state_of, wait_all

pytestmark = pytest.mark.about_us


async def work() -> None: ...


async def test_a_node_serves_every_queue_by_default(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs.start():
        refs = [await jobs.enqueue(work, queue=queue) for queue in ("a", "b", "default", "ü nicode")]
        assert {job.state for job in await wait_all(jobs, refs)} == {JobState.COMPLETED}


async def test_a_node_serves_only_the_queues_it_was_given(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs.start(queues=["a", "b"]):
        other = await jobs.enqueue(work, queue="c")
        lane = await jobs.enqueue(work, queue="c", worker="w")
        await wait_all(jobs, [await jobs.enqueue(work, queue=queue) for queue in "abba"])
        assert await state_of(jobs, other) is JobState.QUEUED
        assert await state_of(jobs, lane) is JobState.QUEUED


@pytest.mark.parametrize("lanes", [False, True], ids=["free jobs", "named workers"])
async def test_a_queue_s_own_concurrency_holds(jobs: Jobs, lanes: bool) -> None:
    runs = Runs()

    @jobs.command
    async def note(request: str) -> None:
        with runs.run(request, request):
            await asyncio.sleep(0.005)

    async with jobs:
        refs = []
        for number in range(40):
            worker = f"lane {number % 20}" if lanes else None
            refs.append(await jobs.enqueue(note, "narrow", queue="narrow", worker=worker))
            refs.append(await jobs.enqueue(note, "wide", queue="wide", worker=f"wide {number}" if lanes else None))
        async with jobs.start(queues={"narrow": 2, "wide": None}):
            await wait_all(jobs, refs)
    assert runs.most["narrow"] <= 2
    assert runs.most["wide"] > 2


@pytest.mark.parametrize("lanes", [False, True], ids=["free jobs", "named workers"])
async def test_a_limited_queue_goes_on_as_soon_as_a_job_ends(jobs: Jobs, no_polling: None, lanes: bool) -> None:
    """Not at the next poll: a queue with a limit is as fast as its jobs."""
    jobs.command(work)
    async with jobs:
        refs = await asyncio.gather(
            *(jobs.enqueue(work, queue="narrow", worker=f"w{number}" if lanes else None) for number in range(60))
        )
        async with jobs.start(queues={"narrow": 2}):
            await wait_all(jobs, refs)


async def test_a_limit_set_from_anywhere_holds_on_running_nodes(url: str, jobs: Jobs) -> None:
    runs = Runs()

    @jobs.command
    async def note() -> None:
        with runs.run("note"):
            await asyncio.sleep(0.005)

    client = Jobs(url)
    async with client, jobs.start():
        await client.queues.limit("narrow", 3)
        await eventually(lambda: jobs._client.engine._queues.limit_of("narrow") == 3, "the limit is known")  # type: ignore[union-attr]
        await wait_all(jobs, [await jobs.enqueue(note, queue="narrow") for _ in range(40)])
        assert runs.most[None] <= 3
        await client.queues.limit("narrow", None)
        settings = {queue.queue: queue for queue in await client.queues.list()}
        assert settings["narrow"].concurrency is None


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(url: str, jobs: Jobs) -> None:
    jobs.command(work)
    client = Jobs(url)
    async with client, jobs.start():
        await wait_all(jobs, [await jobs.enqueue(work, queue="a")])
        await client.queues.pause("a")
        await eventually(
            lambda: not jobs._client.engine._queues.serves("a"),  # type: ignore[union-attr]
            "the pause is known",
        )
        held = [await jobs.enqueue(work, queue="a"), await jobs.enqueue(work, queue="a", worker="w")]
        await wait_all(jobs, [await jobs.enqueue(work, queue="b") for _ in range(20)])
        assert [await state_of(jobs, ref) for ref in held] == [JobState.QUEUED] * 2
        await client.queues.resume("a")
        assert {job.state for job in await wait_all(jobs, held)} == {JobState.COMPLETED}


async def test_a_pause_outlives_the_nodes(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs:
        await jobs.queues.pause("a")
        ref = await jobs.enqueue(work, queue="a")
        for _ in range(2):
            async with jobs.start():
                await wait_all(jobs, [await jobs.enqueue(work, queue="b")])
                assert await state_of(jobs, ref) is JobState.QUEUED
        settings = {queue.queue: queue.paused for queue in await jobs.queues.list()}
        assert settings["a"] is True


async def test_what_runs_goes_on_when_its_queue_is_paused(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    async with jobs.start():
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        await jobs.queues.pause("default")
        gate.open()
        assert (await jobs.wait(ref, timeout=10)).state is JobState.COMPLETED


async def test_a_full_queue_does_not_stop_the_others(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(work)
    async with jobs.start(concurrency=4, queues={"slow": 2, "fast": None}):
        slow = [await jobs.enqueue("slow", queue="slow") for _ in range(30)]
        await eventually(lambda: gate.inside == 2, "two slow jobs run")
        await wait_all(jobs, [await jobs.enqueue(work, queue="fast") for _ in range(50)])
        assert gate.inside == 2
        gate.open()
        await wait_all(jobs, slow)


@pytest.mark.once
@pytest.mark.parametrize("queues", ["a", [], [""], {"a": 0}, {"a": "many"}])
async def test_queues_that_make_no_sense_are_refused(jobs: Jobs, queues: object) -> None:
    with pytest.raises(InvalidOption, match="queues"):
        async with jobs.start(queues=queues):  # type: ignore[arg-type]
            pass


@pytest.mark.once
async def test_a_limit_that_makes_no_sense_is_refused(jobs: Jobs) -> None:
    async with jobs:
        with pytest.raises(InvalidOption, match="concurrency=0"):
            await jobs.queues.limit("a", 0)


async def test_concurrency_is_the_most_that_runs_on_a_node(jobs: Jobs) -> None:
    runs = Runs()
    full = asyncio.Event()

    @jobs.command
    async def note() -> None:
        with runs.run("note"):
            if runs.most[None] == 5:
                full.set()
            await soon(full, "five run at the same time")

    async with jobs:
        refs = [await jobs.enqueue(note, queue=queue) for queue in "abcdef" for _ in range(10)]
        async with jobs.start(concurrency=5):
            await wait_all(jobs, refs)
    assert runs.most[None] == 5


async def test_counts_of_live_jobs_are_by_queue_and_state(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs:
        await jobs.enqueue(work, queue="a")
        await jobs.enqueue(work, queue="a")
        await jobs.enqueue(work, queue="b", run_after=60)
        assert await jobs.counts() == {("a", "queued"): 2, ("b", "scheduled"): 1}


async def test_a_queue_that_is_paused_while_a_node_looks_is_not_claimed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look has read the settings before, and claims after: what was enqueued behind the pause is not to start."""
    ran: list[str] = []
    waits: list[JobRef[None]] = []
    read = Queues.refresh

    @jobs.command
    async def note(what: str) -> None:
        ran.append(what)

    async def refresh(self: Queues, db: Database) -> bool:
        changed = await read(self, db)
        if not waits:
            await jobs.queues.pause("mail")
            waits.append(await jobs.enqueue(note, "mail", queue="mail"))
        return changed

    monkeypatch.setattr(Queues, "refresh", refresh)
    async with jobs.start():
        await jobs.wait(await jobs.enqueue(note, "free"), timeout=20)
        assert ran == ["free"]
        job = await jobs.get(waits[-1])
        assert job is not None
        assert job.state is JobState.QUEUED
