"""The list of queues: a name that nobody uses is forgotten, one in use is listed once an hour, and no job needs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Jobs, JobState, clock
from dbjobs.store import repository
from dbjobs.store.statements import Statements
from dbjobs.store.transactions import migrate
from dbjobs.store.transactions.queues import KNOWN_SECONDS, UNUSED_SECONDS, forget_queues
from tests.conformance.helpers import eventually, state_of
from tests.conformance.isolation import LEVELS, begin_at
from tests.conformance.raw import Raw
from tests.servers import Target

LONG_AGO = timedelta(seconds=UNUSED_SECONDS + 3600)


async def work() -> None: ...


async def listed(jobs: Jobs) -> set[str]:
    return {info.queue for info in await jobs.queues.list()}


async def grow_old(raw: Raw, *queues: str) -> None:
    """Make these queues (all, if none is named) look as if nobody had used them for long."""
    moment = (datetime.now(UTC) - LONG_AGO).strftime("%Y-%m-%d %H:%M:%S.000") + raw._driver.utc
    names = ", ".join(f"'{queue}'" for queue in queues)
    await raw.rows(
        f"UPDATE dbjobs.job_queue SET used_at = '{moment}'" + (f" WHERE queue IN ({names})" if names else "")
    )


class Later:
    """A clock of this process that somebody has moved on: it slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by = timedelta()
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + self.by.total_seconds())


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each name is listed from now on."""
    names: Counter[str] = Counter()
    add_queues = repository.add_queues

    async def add(db: Any, queues: Sequence[str]) -> None:
        names.update(queues)
        await add_queues(db, queues)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "add_queues", add)
        yield names


async def test_only_what_has_no_settings_no_jobs_and_no_use_is_forgotten(jobs: Jobs, raw: Raw) -> None:
    jobs.command(work)
    async with jobs:
        async with jobs.start(concurrency=1):
            await jobs.wait(await jobs.enqueue(work, queue="over"), timeout=20)
        parent = await jobs.enqueue(work, queue="ready")
        live = [
            parent,
            await jobs.enqueue(work, queue="lane", worker="w"),
            await jobs.enqueue(work, queue="scheduled", run_after=timedelta(days=90)),
            await jobs.enqueue(work, queue="waiting", depends_on=parent),
        ]
        await jobs.queues.pause("paused")
        await jobs.queues.limit("limited", 3)
        await jobs.queues.pause("resumed")
        await jobs.queues.resume("resumed")
        everything = await listed(jobs)
        db = jobs._client.db
        assert await forget_queues(db) == 0  # all are in use
        await grow_old(raw)
        await jobs.enqueue(work, queue="fresh", run_after=timedelta(days=90))
        assert await forget_queues(db) == 2
        assert await listed(jobs) == everything - {"over", "resumed"} | {"fresh"}
        # What has a job counts as used: it is not looked for again before that time is over.
        assert await repository.find_unused_queues(db, UNUSED_SECONDS, 100) == []
        for ref in live:
            await jobs.cancel(ref)
        assert await forget_queues(db) == 0
        await grow_old(raw)
        await forget_queues(db)
        assert await listed(jobs) == {"paused", "limited", "fresh"}


async def test_housekeeping_forgets_them(jobs: Jobs, raw: Raw) -> None:
    jobs.command(work)
    async with jobs.start():
        await repository.add_queues(jobs._client.db, ["old"])
        await grow_old(raw)
        assert jobs._client.engine is not None
        await jobs._client.engine._janitor.housekeep()
        assert await listed(jobs) == set()


async def test_slices_of_live_jobs_are_looked_at_to_the_last_one(
    jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbjobs.store.transactions.queues.JOBS_PER_SLICE", 2)
    monkeypatch.setattr("dbjobs.store.transactions.queues.QUEUES_PER_STATEMENT", 2)
    jobs.command(work)
    async with jobs:
        for queue in ("many", "many", "many", "many", "last"):
            await jobs.enqueue(work, queue=queue)
        await repository.add_queues(jobs._client.db, [f"nobody's {n}" for n in range(5)])
        await grow_old(raw)
        assert await forget_queues(jobs._client.db) == 5
        assert await listed(jobs) == {"many", "last"}


@pytest.mark.parametrize("used_by", ["an enqueue", "a pause", "a limit", "a requeue"])
async def test_a_queue_that_is_used_between_the_look_and_its_end_stays(
    url: str, jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch, used_by: str
) -> None:
    """Another process uses the name after this node has found it unused, and before it forgets it."""
    jobs.command(work)
    other = Jobs(url)
    other.command(work)
    drop_queues = repository.drop_queues

    async def late(db: Any, queues: Sequence[str], seconds: float) -> int:
        assert list(queues) == ["q"]
        if used_by == "an enqueue":
            await other.enqueue(work, queue="q")
        elif used_by == "a pause":
            await other.queues.pause("q")
        elif used_by == "a limit":
            await other.queues.limit("q", 1)
        else:
            assert await other.requeue(ended)
        return await drop_queues(db, queues, seconds)

    async with jobs, other:
        ended = await jobs.enqueue(work, queue="q")
        await jobs.cancel(ended)
        await grow_old(raw)
        monkeypatch.setattr(repository, "drop_queues", late)
        assert await forget_queues(jobs._client.db) == 0
        (info,) = await jobs.queues.list()
    assert (info.queue, info.paused, info.concurrency) == (
        "q",
        used_by == "a pause",
        1 if used_by == "a limit" else None,
    )


@pytest.mark.parametrize("used_by", ["an enqueue", "a pause"])
async def test_a_name_that_is_used_while_it_is_being_forgotten_is_listed_afterwards(
    url: str, jobs: Jobs, raw: Raw, used_by: str
) -> None:
    """The row is deleted and not committed yet: the other process waits for that, and puts it back."""
    jobs.command(work)
    other = Jobs(url)
    other.command(work)
    async with jobs, other:
        db = jobs._client.db
        await repository.add_queues(db, ["q"])
        await grow_old(raw)
        async with db.transaction() as session:
            assert await repository.drop_queues(session, ["q"], UNUSED_SECONDS) == 1
            use = other.enqueue(work, queue="q") if used_by == "an enqueue" else other.queues.pause("q")
            using = asyncio.ensure_future(use)
            if not db.one_writer:
                await eventually(raw.somebody_waits_for_a_lock, "the other one is there")
        await asyncio.wait_for(using, 20)
        (info,) = await jobs.queues.list()
    assert (info.queue, info.paused) == ("q", used_by == "a pause")


async def test_two_nodes_forget_the_same_names_together(url: str, jobs: Jobs, raw: Raw) -> None:
    async with jobs, Jobs(url) as other:
        await repository.add_queues(jobs._client.db, [f"tenant {n:03}" for n in range(300)])
        await grow_old(raw)
        counts = await asyncio.gather(*(forget_queues(each._client.db) for each in (jobs, other)))
        while await forget_queues(jobs._client.db):  # what one has passed by because the other had it in hand
            pass
        assert await listed(jobs) == set()
    assert sum(counts) <= 300


async def test_a_job_in_a_forgotten_queue_runs_and_lists_it_again_an_hour_later(
    jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process takes the name for listed: it slept between its look and its insert, or is of an older release."""
    later = Later(monkeypatch)
    jobs.command(work)
    async with jobs:
        await jobs.cancel(await jobs.enqueue(work, queue="q"))
        await grow_old(raw)
        assert await forget_queues(jobs._client.db) == 1
        ref = await jobs.enqueue(work, queue="q")
        lane = await jobs.enqueue(work, queue="q", worker="w")
        assert await listed(jobs) == set()
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
            assert (await jobs.wait(lane, timeout=20)).state is JobState.COMPLETED
        later.by = timedelta(seconds=KNOWN_SECONDS)
        await jobs.enqueue(work, queue="q")
        assert await listed(jobs) == {"q"}


@pytest.mark.parametrize("kind", ["plain", "keyed", "many", "graph", "caller's"])
async def test_a_process_that_slept_for_two_days_lists_a_name_before_its_next_job(
    jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    later = Later(monkeypatch)
    jobs.command(work)
    async with jobs:
        await jobs.cancel(await jobs.enqueue(work, queue="q"))
        await grow_old(raw)
        await forget_queues(jobs._client.db)
        later.by = timedelta(days=2)
        if kind == "plain":
            await jobs.enqueue(work, queue="q")
        elif kind == "keyed":
            await jobs.enqueue(work, queue="q", ref_id="r")
        elif kind == "many":
            await jobs.enqueue_many(work, [None] * 3, queue="q")
        elif kind == "graph":
            async with jobs.graph() as graph:
                graph.add(work, queue="q")
        else:
            async with raw.connection() as own:
                await own.begin()
                await jobs.enqueue(work, queue="q", connection=own.driver)
                await own.commit()
        assert await listed(jobs) == {"q"}


async def test_a_name_is_listed_once_an_hour_however_many_jobs_and_callers(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Later(monkeypatch)
    jobs.command(work)
    async with jobs:
        with counted(monkeypatch) as names:
            for hour in range(1, 4):
                await asyncio.gather(*(jobs.enqueue(work, queue=f"q{n % 2}") for n in range(100)))
                await jobs.enqueue_many(work, [None] * 10, queue="q0")
                await jobs.enqueue(work, queue="q1", ref_id=f"r{hour}")
                assert names == {"q0": hour, "q1": hour}
                later.by += timedelta(seconds=KNOWN_SECONDS + 1)


async def test_a_name_whose_listing_failed_is_listed_by_the_next_job(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.command(work)
    async with jobs:
        with monkeypatch.context() as patch:

            async def fail(db: Any, queues: Sequence[str]) -> None:
                raise ConnectionError("no")

            patch.setattr(repository, "add_queues", fail)
            with pytest.raises(ConnectionError):
                await jobs.enqueue(work, queue="q")
        await jobs.enqueue(work, queue="q")
        assert await listed(jobs) == {"q"}


@pytest.mark.dialect("postgres", "mysql")  # a file has one writer, and SQL Server's look sees what is not committed
async def test_a_job_of_a_caller_s_transaction_runs_although_its_queue_was_forgotten_meanwhile(
    jobs: Jobs, raw: Raw, target: Target
) -> None:
    """At every isolation level: the look does not see the job that is not committed yet."""
    jobs.command(work)
    async with jobs:
        refs = []
        for queue, level in enumerate(LEVELS[target.dialect]):
            async with raw.connection() as own:
                await begin_at(target.dialect, own, level)
                refs.append(await jobs.enqueue(work, queue=f"q{queue}", connection=own.driver))
                await grow_old(raw)
                assert await forget_queues(jobs._client.db) == 1
                await own.commit()
            assert await listed(jobs) == set()
        async with jobs.start():
            for ref in refs:
                assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED


async def test_an_older_release_beside_this_one_lists_names_and_loses_no_job(jobs: Jobs, raw: Raw) -> None:
    """It knows no column: it inserts a name where there is none, and leaves a row alone otherwise."""
    jobs.command(work)
    async with jobs:
        await raw.rows("INSERT INTO dbjobs.job_queue (queue) VALUES ('older')")
        assert await forget_queues(jobs._client.db) == 0
        assert await listed(jobs) == {"older"}
        jobs._client._known_queues.add("older")  # as that release does for the life of a process
        await grow_old(raw)
        ref = await jobs.enqueue(work, queue="older")
        await grow_old(raw)
        assert await forget_queues(jobs._client.db) == 0, "it has a job"
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
        assert await state_of(jobs, ref) is JobState.COMPLETED


@pytest.mark.fresh
async def test_the_column_comes_with_the_settings_kept_also_at_the_second_try(
    url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL's DDL commits by itself: a process that died before it had noted the version leaves the column behind."""
    every = Statements.migrations
    with monkeypatch.context() as earlier:
        earlier.setattr(migrate, "LATEST_VERSION", 6)
        earlier.setattr(Statements, "migrations", lambda self: (step for step in every(self) if step[0] <= 6))
        async with Jobs(url) as old:
            await raw.rows("INSERT INTO dbjobs.job_queue (queue) VALUES ('older')")
            await raw.rows("INSERT INTO dbjobs.job_queue (queue, concurrency) VALUES ('limited', 3)")
            assert await listed(old) == {"older", "limited"}
    async with Jobs(url) as jobs:
        assert {info.queue: info.concurrency for info in await jobs.queues.list()} == {"older": None, "limited": 3}
        assert await forget_queues(jobs._client.db) == 0
    if raw.dialect != "mysql":
        return
    await raw.rows("DELETE FROM dbjobs.schema_version WHERE version = 7")
    async with Jobs(url) as jobs:
        assert await listed(jobs) == {"older", "limited"}
