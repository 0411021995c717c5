"""Scheduled tasks as they are stored: declared, made at run time, read, and brought along from the release before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import (
    InvalidOption,
    JobContext,
    Jobs,
    JobState,
    Schedule,
    SchemaTooNew,
    SchemaTooOld,
    UnknownCommand,
    UnknownTask,
)
from dbjobs.store import repository
from dbjobs.store.statements import Statements
from dbjobs.store.transactions import migrate
from tests.conformance.helpers import eventually
from tests.conformance.raw import Raw
from tests.conformance.tasks import YEARLY, set_next, tick

pytestmark = pytest.mark.about_us


async def test_a_start_writes_only_what_has_changed(url: str) -> None:
    """A deploy changes one task's cron, removes one and leaves one paused: exactly that is so afterwards."""

    def release(changed: str, *others: str, command: Callable[..., Any] = tick) -> Jobs:
        jobs = Jobs(url)
        jobs.command(command)
        jobs.recurring(Schedule.cron(changed), name="changed", user_id="u")(command)
        for name in others:
            jobs.recurring(YEARLY, name=name)(command)
        return jobs

    jobs = release("0 4 * * *", "removed", "paused", "same")
    async with jobs.start():
        await jobs.schedules.pause("paused")
        await jobs.schedules.run_now("same")
        before = {task.name: task for task in await repository.list_tasks(jobs._client.db)}
        assert {task.nodes for task in await jobs.schedules.list()} == {1}
    jobs = release("0 5 * * *", "paused", "same")
    async with jobs.start():
        after = {task.name: task for task in await repository.list_tasks(jobs._client.db)}
        assert after["same"] == before["same"], "its last run, its time and its revision are untouched"
        assert after["paused"] == before["paused"]
        assert after["removed"] == before["removed"]
        assert after["changed"].cron == "0 5 * * *"
        assert after["changed"].revision == before["changed"].revision + 1
        now = await repository.database_time(jobs._client.db)
        assert after["changed"].next_run_at == Schedule.cron("0 5 * * *").next_after(now)
        # What nobody declares any more does not fire, and says so; what is due beside it does.
        await set_next(jobs, "removed", -timedelta(seconds=1))
        await set_next(jobs, "paused", -timedelta(seconds=1))
        await set_next(jobs, "changed", -timedelta(seconds=1))

        async def fired() -> bool:
            return bool(await jobs.schedules.runs("changed"))

        await eventually(fired, "the changed task has fired")
        shown = {task.name: task for task in await jobs.schedules.list()}
        assert {name: task.status for name, task in shown.items()} == {
            "changed": "active",
            "paused": "paused",
            "removed": "undeclared",
            "same": "active",
        }
        assert shown["removed"].last_run_at is None
        assert shown["paused"].last_run_at is None
        assert shown["changed"].user_id == "u"


async def test_starts_at_the_same_moment_store_a_task_once(url: str) -> None:
    def register(jobs: Jobs) -> None:
        jobs.command(tick)
        jobs.recurring(YEARLY, run_at_once=True)(tick)

    several = [Jobs(url) for _ in range(4)]
    for jobs in several:
        register(jobs)
    ready, done = asyncio.Barrier(5), asyncio.Event()

    async def node(jobs: Jobs) -> None:
        async with jobs.start():
            await ready.wait()
            await done.wait()

    async with several[0], asyncio.TaskGroup() as group:  # it makes the tables first
        for jobs in several:
            group.create_task(node(jobs))
        await asyncio.wait_for(ready.wait(), 30)

        async def ran() -> bool:
            return len(await several[0].schedules.runs("tick")) == 1

        await eventually(ran, "it has run at once")
        (task,) = await several[0].schedules.list()
        assert task.next_run_at == YEARLY.next_after(datetime.now(UTC))
        assert len(await several[0].list()) == 1
        done.set()


async def test_a_task_made_at_run_time_needs_no_declaration(url: str, raw: Raw) -> None:
    """It outlives its maker; a node that knows the command fires it, one that does not leaves it."""
    async with Jobs(url) as maker:
        maker.declare("tick")
        assert await maker.schedules.put("task", YEARLY, "tick", {"n": 1}, user_id="u7", tag="t", priority=3)
        assert not await maker.schedules.put("task", YEARLY, "tick", {"n": 1}, user_id="u7", tag="t", priority=3)
        await set_next(maker, "task", -timedelta(seconds=1))
        other = Jobs(url)
        other.command(name="other")(tick)
        async with other.start():
            fired = asyncio.Event()
            assert (await repository.next_due(other._client.db, [], other.commands))[1] is None
            knows = Jobs(url)
            got = []

            @knows.command(name="tick")
            async def work(request: Any, job: JobContext) -> None:
                got.append((request, job.user_id, job.tag, job.meta["scheduled_task"]))
                fired.set()

            async with knows.start():
                await asyncio.wait_for(fired.wait(), 20)
        assert got == [({"n": 1}, "u7", "t", "task")]
        (run,) = await maker.schedules.runs("task")
        job = await maker.get(run.job_id or 0)
        assert job is not None
        assert (job.priority, job.meta["scheduled_for"]) == (3, f"{run.scheduled_for:%Y-%m-%dT%H:%M:%S}Z")


async def test_its_last_runs_and_how_they_ended_are_told(jobs: Jobs) -> None:
    """Twenty of them, also those that somebody asked for; nothing of it is written when a job ends."""
    fails = [False]

    @jobs.command(retry_limit=0)
    async def work() -> None:
        if fails[0]:
            raise ValueError("no")

    async with jobs.start():
        await jobs.schedules.put("task", YEARLY, work)
        await jobs.schedules.pause("task")
        for number in range(23):
            fails[0] = number >= 20
            await jobs.wait(await jobs.schedules.run_now("task"), timeout=20)
        runs = await jobs.schedules.runs("task")
        assert len(runs) == 20
        assert [run.state for run in runs[:4]] == [JobState.FAILED] * 3 + [JobState.COMPLETED]
        assert {run.asked for run in runs} == {True}
        assert runs[0].error == "ValueError: no"
        ids = [run.job_id or 0 for run in runs]
        assert ids == sorted(ids, reverse=True)
        task = await jobs.schedules.get("task")
        assert task is not None
        assert (task.failures, task.last_state, task.last_job_id) == (3, JobState.FAILED, ids[0])
        assert (task.paused, task.last_run_at) == (True, None)


async def test_what_is_wrong_with_a_call_is_said(jobs: Jobs) -> None:
    jobs.command(tick)
    jobs.recurring(YEARLY, name="declared")(tick)
    async with jobs.start():
        schedules = jobs.schedules
        await schedules.put("nightly", YEARLY, tick)
        for call in (schedules.pause, schedules.resume, schedules.run_now, schedules.runs, schedules.next_runs):
            with pytest.raises(UnknownTask, match="there is no scheduled task 'nightli'; did you mean 'nightly'"):
                await call("nightli")
        assert await schedules.get("nightli") is None
        assert await schedules.remove("nightli") is False
        with pytest.raises(InvalidOption, match="is declared in code"):
            await schedules.put("declared", YEARLY, tick)
        with pytest.raises(UnknownCommand, match="no command named 'tik'"):
            await schedules.put("task", YEARLY, "tik")
        with pytest.raises(InvalidOption, match="unknown option 'retries'; did you mean 'retry_limit'"):
            await schedules.put("task", YEARLY, tick, retries=3)  # type: ignore[call-arg]
        with pytest.raises(InvalidOption, match="is not a schedule"):
            await schedules.put("task", "0 0 * * *", tick)  # type: ignore[arg-type]
        assert [task.name for task in await schedules.list()] == ["declared", "nightly"]


@pytest.mark.fresh
async def test_tables_of_the_release_before_are_brought_up_to_date_with_their_jobs(
    url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1 with a job in it: refused without migrate, migrated with it; the job runs, and tasks can be stored."""
    every, latest = Statements.migrations, migrate.LATEST_VERSION

    async def list_queues_as_it_did(db: object, queues: Sequence[str]) -> None:
        for queue in queues:
            await raw.rows(f"INSERT INTO dbjobs.job_queue (queue) VALUES ('{queue}')")

    with monkeypatch.context() as earlier:
        earlier.setattr(repository, "add_queues", list_queues_as_it_did)
        earlier.setattr(migrate, "LATEST_VERSION", 1)
        earlier.setattr(Statements, "migrations", lambda self: (step for step in every(self) if step[0] == 1))
        async with Jobs(url) as old:
            old.declare("tick")
            ref = await old.enqueue("tick", 1)
            assert await migrate.schema_version(old._client.db) == 1
    with pytest.raises(SchemaTooOld, match=f"have version 1 and this release needs {latest}: run 'dbjobs migrate'"):
        async with Jobs(url, migrate=False):
            pass
    jobs = Jobs(url)
    jobs.command(tick)
    jobs.recurring(YEARLY)(tick)
    async with jobs.start():
        assert (await jobs.wait(ref, timeout=20)).state is JobState.COMPLETED
        assert [task.name for task in await jobs.schedules.list()] == ["tick"]
    versions = await raw.rows("SELECT version FROM dbjobs.schema_version ORDER BY version")
    assert [version for (version,) in versions] == [step[0] for step in every(jobs._client._db.statements)]
    monkeypatch.setattr(migrate, "LATEST_VERSION", 1)
    with pytest.raises(SchemaTooNew, match=f"have version {latest}, made by a newer release"):
        async with Jobs(url):
            pass
