"""Scheduled tasks: a time yields one job on any number of nodes, and what the rules of a task say happens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
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
from dbjobs.errors import LockTimeout
from dbjobs.store import repository
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.statements import Statements
from dbjobs.store.transactions import migrate, scheduling
from tests.conformance.helpers import Gate, eventually, nodes
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us

MINUTE = timedelta(minutes=1)
# Far enough ahead not to come while a test runs.
YEARLY = Schedule.cron("30 4 1 1 *")


def tick(request: Any = None) -> None: ...


@dataclass
class Clean:
    days: int


async def row(jobs: Jobs, name: str) -> TaskRow:
    (found,) = await repository.list_tasks(jobs._client.db, name)
    return found


async def set_next(jobs: Jobs, name: str, ahead: timedelta) -> datetime:
    """Make a task due this long from now, by the database's clock; that time."""
    while True:
        task = await row(jobs, name)
        moment = (await repository.database_time(jobs._client.db)).replace(microsecond=0) + ahead
        changed = TaskRow(
            **{field: getattr(task, field) for field in TaskRow.__struct_fields__} | {"next_run_at": moment}
        )
        if await repository.update_task(jobs._client.db, changed):
            jobs._client.tasks_changed()
            return moment


async def jobs_of(jobs: Jobs, name: str) -> list[str]:
    """The times of a task's runs, oldest first."""
    return [f"{run.scheduled_for:%H:%M:%S}" for run in reversed(await jobs.schedules.runs(name))]


async def test_each_time_yields_one_job_over_three_nodes(url: str) -> None:
    """Three nodes declare the same tasks, each for every second: no time is doubled, none is left out."""
    ran: Counter[str | None] = Counter()
    names = ["a", "b", "c"]

    def register(jobs: Jobs) -> None:
        @jobs.command
        async def work(job: JobContext) -> None:
            ran[job.ref_id] += 1

        for name in names:
            jobs.recurring(Schedule.cron("* * * * * *"), name=name)(work)

    async with nodes(url, 3, register) as (jobs, *_):
        await eventually(lambda: len(ran) >= 7, "one of them has run three times", timeout=30)
        for name in names:
            await jobs.schedules.pause(name)
        for name in names:
            runs = [run.scheduled_for for run in reversed(await jobs.schedules.runs(name))]
            assert {later - time for time, later in pairwise(runs)} == {timedelta(seconds=1)}
            assert (await row(jobs, name)).missed == 0
            refs = {run.ref_id for run in await jobs.schedules.runs(name)}
            await eventually(partial(refs.issubset, ran), "what was fired has run")
    assert set(ran.values()) == {1}


async def test_of_two_that_fire_the_same_time_one_inserts_a_job(jobs: Jobs) -> None:
    jobs.command(tick)
    async with jobs:
        db = jobs._client.db
        await jobs.schedules.put("task", YEARLY, tick)
        moment = await set_next(jobs, "task", -timedelta(seconds=2))
        read = await row(jobs, "task")
        now = await repository.database_time(db)
        first, second = await scheduling.fire(db, read, now), await scheduling.fire(db, read, now)
        assert first is not None
        assert [job.ref_id for job in first] == [f"task:task:{moment:%Y-%m-%dT%H:%M:%S}Z"]
        assert second is None
        assert len(await jobs.list()) == 1
        assert (await row(jobs, "task")).next_run_at == YEARLY.next_after(now)


@pytest.mark.parametrize("change", ["pause", "remove", "later"])
async def test_a_task_that_changes_between_the_look_and_the_shot_does_not_fire(jobs: Jobs, change: str) -> None:
    jobs.command(tick)
    async with jobs:
        db = jobs._client.db
        await jobs.schedules.put("task", YEARLY, tick)
        await set_next(jobs, "task", -timedelta(seconds=2))
        read, now = await row(jobs, "task"), await repository.database_time(db)
        if change == "later":
            await set_next(jobs, "task", MINUTE)
        else:
            await getattr(jobs.schedules, change)("task")
        assert await scheduling.fire(db, read, now) is None
        assert await jobs.list() == []


async def test_a_time_that_is_not_come_by_the_databases_clock_does_not_fire(jobs: Jobs) -> None:
    """A node whose own clock is ten minutes ahead, and which would ask for it."""
    jobs.command(tick)
    async with jobs:
        db = jobs._client.db
        await jobs.schedules.put("task", YEARLY, tick)
        ahead = await set_next(jobs, "task", 10 * MINUTE)
        assert await scheduling.fire(db, await row(jobs, "task"), ahead + MINUTE) is None
        assert (await repository.find_due_tasks(db, [], ["tick"], 10))[0] == []
        assert await jobs.list() == []


async def test_a_time_that_has_its_job_already_gets_no_second_one(jobs: Jobs) -> None:
    """Removed and made again within a second: the ref_id says that this time is done."""
    jobs.command(tick)
    async with jobs:
        db = jobs._client.db
        for inserted in (1, 0):
            await jobs.schedules.put("task", YEARLY, tick)
            moment = datetime(2026, 1, 1, 4, 30, tzinfo=UTC)
            while not await repository.update_task(db, _at(await row(jobs, "task"), moment)):
                pass
            fired = await scheduling.fire(db, await row(jobs, "task"), moment + timedelta(seconds=1))
            assert fired is not None
            assert len(fired) == inserted
            await jobs.schedules.remove("task")
        assert len(await jobs.list()) == 1


def _at(task: TaskRow, moment: datetime) -> TaskRow:
    return TaskRow(**{field: getattr(task, field) for field in TaskRow.__struct_fields__} | {"next_run_at": moment})


@pytest.mark.parametrize(("misfire", "runs", "missed"), [("one", 1, 10), ("all", 11, 0), ("none", 0, 11)])
async def test_what_was_missed_is_made_up_for_as_the_task_says(
    jobs: Jobs, misfire: Any, runs: int, missed: int
) -> None:
    jobs.command(tick)
    async with jobs:
        await jobs.schedules.put("task", Schedule.every(60), tick, misfire=misfire)
        first = await set_next(jobs, "task", -10 * MINUTE - timedelta(seconds=30))
    async with jobs.start():

        async def moved_on() -> Any:
            task = await jobs.schedules.get("task")
            return task if task is not None and task.next_run_at == first + 11 * MINUTE else None

        task = await eventually(moved_on, "it has moved on from its nominal time")
        assert task.missed == missed
        found = await jobs_of(jobs, "task")
        assert found == [f"{first + MINUTE * n:%H:%M:%S}" for n in range(11)][11 - runs :]


async def test_a_run_is_left_out_while_the_last_one_has_not_ended(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    async with jobs.start():
        await jobs.schedules.put("task", YEARLY, "slow", overlap="skip")
        await set_next(jobs, "task", -timedelta(seconds=1))
        await gate.wait_entered()
        await set_next(jobs, "task", -timedelta(seconds=1))

        async def skipped() -> bool:
            return (await row(jobs, "task")).skipped == 1

        await eventually(skipped, "the second run is left out")
        assert len(await jobs.list()) == 1
        gate.open()
        (run,) = await jobs.schedules.runs("task")
        assert run.job_id is not None
        await jobs.wait(run.job_id, timeout=10)
        await set_next(jobs, "task", -timedelta(seconds=1))

        async def runs_again() -> bool:
            return len(await jobs.schedules.runs("task")) == 2

        await eventually(runs_again, "it runs again once the first has ended")
        assert (await row(jobs, "task")).skipped == 1


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


async def test_times_that_pass_during_a_pause_were_not_missed(jobs: Jobs) -> None:
    jobs.command(tick)
    async with jobs:
        await jobs.schedules.put("task", Schedule.every(60), tick)
        await jobs.schedules.pause("task")
        first = await set_next(jobs, "task", -10 * MINUTE - timedelta(seconds=30))
        await jobs.schedules.resume("task")
        task = await jobs.schedules.get("task")
        assert task is not None
        assert (task.next_run_at, task.missed, task.status) == (first + 11 * MINUTE, 0, "active")
        times = await jobs.schedules.next_runs("task", 3)
        assert times == [first + MINUTE * n for n in (11, 12, 13)]


async def test_start_end_and_jitter(jobs: Jobs) -> None:
    jobs.command(tick)
    async with jobs.start():
        now = await repository.database_time(jobs._client.db)
        start = now.replace(microsecond=0) + timedelta(days=400)
        await jobs.schedules.put("later", Schedule.every(60), tick, start=start, end=start + 2 * MINUTE)
        assert await jobs.schedules.next_runs("later", 10) == [start, start + MINUTE, start + 2 * MINUTE]
        await jobs.schedules.put("over", Schedule.every(60), tick, end=now - MINUTE)
        over = await jobs.schedules.get("over")
        assert over is not None
        assert over.status == "over"
        await jobs.schedules.put("put off", YEARLY, tick, run_at_once=True, jitter=timedelta(days=300))

        async def run() -> Any:
            runs = await jobs.schedules.runs("put off")
            return runs and runs[0].job_id

        job = await jobs.get(await eventually(run, "its job is there"))
        assert job is not None
        assert job.state is JobState.SCHEDULED
        assert job.run_after is not None
        assert timedelta(0) < job.run_after - job.created_at <= timedelta(days=300)


async def test_a_task_of_a_lane_keeps_to_the_lane(jobs: Jobs) -> None:
    gate = Gate()
    jobs.command(name="slow")(gate)
    ran = asyncio.Event()

    @jobs.command
    async def after() -> None:
        ran.set()

    async with jobs.start():
        await jobs.enqueue("slow", worker="lane")
        await gate.wait_entered()
        await jobs.schedules.put("task", YEARLY, after, worker="lane", run_at_once=True)

        async def waits() -> bool:
            return bool(await jobs.schedules.runs("task"))

        await eventually(waits, "its job is there")
        assert not ran.is_set()
        gate.open()
        await asyncio.wait_for(ran.wait(), 20)


@pytest.fixture(params=[timedelta(minutes=10), timedelta(minutes=-10)], ids=["ahead", "behind"])
def a_clock_that_is_wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """The node's own wall clock is set by ten minutes, as all of our modules see it."""
    import sys
    import time as clock_of_python

    by: timedelta = request.param

    class AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Stepped(datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + by

    real = clock_of_python.time
    monkeypatch.setattr(clock_of_python, "time", lambda: real() + by.total_seconds())
    for name, module in list(sys.modules.items()):
        if name.startswith("dbjobs.") and vars(module).get("datetime") is datetime:
            monkeypatch.setattr(module, "datetime", Stepped)
    return by


@pytest.mark.dialect("sqlite", "postgres")
async def test_a_nodes_clock_that_is_set_by_ten_minutes_changes_nothing(
    jobs: Jobs, a_clock_that_is_wrong: timedelta
) -> None:
    @jobs.command
    async def work() -> None: ...

    jobs.recurring(Schedule.cron("* * * * * *"), name="task")(work)
    async with jobs.start():

        async def twice() -> bool:
            return len(await jobs.schedules.runs("task")) >= 2

        await eventually(twice, "it has run twice", timeout=30)
        await jobs.schedules.pause("task")
        runs = [run.scheduled_for for run in reversed(await jobs.schedules.runs("task"))]
        assert {later - time for time, later in pairwise(runs)} == {timedelta(seconds=1)}
        now = await repository.database_time(jobs._client.db)
        assert timedelta(0) <= now - runs[-1] < MINUTE
        assert len(await jobs.list()) == len(runs)
        assert (await row(jobs, "task")).missed == 0


async def test_an_idle_node_asks_nothing_more_for_tasks(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look for tasks is part of one that is made anyway; tasks that are due elsewhere cost no second one."""
    asked: list[Any] = []
    monkeypatch.setattr(repository, "find_due_tasks", lambda *_: asked.append(1))
    jobs.command(name="here")(tick)
    async with jobs:
        jobs.declare("elsewhere")
        await jobs.schedules.put("elsewhere", YEARLY, "elsewhere")
        await jobs.schedules.put("later", YEARLY, "here")
        await set_next(jobs, "elsewhere", -MINUTE)
    looks = 0
    plain = repository.next_due

    async def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return await plain(*arguments)

    monkeypatch.setattr(repository, "next_due", counted)
    async with jobs.start():
        await eventually(lambda: looks >= 2, "it has looked twice")
    assert asked == []


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
        with pytest.raises(InvalidOption, match="is no schedule"):
            await schedules.put("task", "0 0 * * *", tick)  # type: ignore[arg-type]
        assert [task.name for task in await schedules.list()] == ["declared", "nightly"]


async def test_a_task_that_cannot_be_fired_does_not_keep_the_others_from_it(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    """A node of an older system does not know the zone: it says so once, and fires the rest."""
    ran = asyncio.Event()

    @jobs.command
    async def work() -> None:
        ran.set()

    async with jobs.start():
        await jobs.schedules.put("strange", YEARLY, work)
        await jobs.schedules.put("plain", YEARLY, work)
        strange = await row(jobs, "strange")
        moment = await repository.database_time(jobs._client.db) - timedelta(seconds=1)
        fields = {field: getattr(strange, field) for field in TaskRow.__struct_fields__}
        assert await repository.update_task(
            jobs._client.db, TaskRow(**fields | {"zone": "Mars/Phobos", "next_run_at": moment})
        )
        await set_next(jobs, "plain", -timedelta(seconds=1))
        await asyncio.wait_for(ran.wait(), 20)
        assert [run.state for run in await jobs.schedules.runs("plain")] != []
    told = [record for record in caplog.records if "cannot be fired" in record.getMessage()]
    assert ["there is no time zone 'Mars/Phobos'" in record.getMessage() for record in told] == [True]


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


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_task_that_somebody_holds_locked_keeps_nobody_waiting(
    jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node passes it by, fires the others, and fires it when it is free; a caller gives up with one clear error."""
    monkeypatch.setattr(scheduling, "TRY_SECONDS", 0.3)
    jobs.command(tick)
    async with jobs.start():
        for name in ("held", "free"):
            await jobs.schedules.put(name, YEARLY, tick)
        async with raw.connection() as own:
            await own.begin()
            # Both become due in the same moment, and one of them stays in this transaction's hands.
            await set_next(jobs, "held", timedelta(seconds=1))
            table = "dbjobs_scheduled_task" if raw.dialect == "mysql" else "dbjobs.scheduled_task"
            await own.execute(f"UPDATE {table} SET skipped = skipped + 1 WHERE name = 'held'")
            await set_next(jobs, "free", timedelta(seconds=1))

            async def fired(name: str) -> bool:
                return bool(await jobs.schedules.runs(name))

            await eventually(partial(fired, "free"), "the other one is fired")
            with pytest.raises(LockTimeout, match="'held' is being changed in a transaction that stays open"):
                await jobs.schedules.run_now("held")
            assert not await fired("held")
            await own.rollback()
            await eventually(partial(fired, "held"), "it is fired when it is free")


async def test_a_transient_run_is_no_job(jobs: Jobs) -> None:
    """One for each time, on one of the nodes; its times are remembered."""
    ran: list[Any] = []

    @jobs.command
    async def work(request: int, job: JobContext) -> None:
        ran.append((request, job.is_transient, job.user_id, job.meta["scheduled_task"]))

    async with jobs.start():
        await jobs.schedules.put("task", YEARLY, work, 7, transient=True, user_id="u", misfire="all")
        for number in (1, 2):
            moment = await set_next(jobs, "task", -timedelta(seconds=1))
            await eventually(lambda number=number: len(ran) == number, "it has run")  # type: ignore[misc]
        assert ran == [(7, True, "u", "task")] * 2
        runs = await jobs.schedules.runs("task")
        assert [(run.job_id, run.state) for run in runs] == [(None, None)] * 2
        task = await jobs.schedules.get("task")
        assert task is not None
        assert (task.transient, task.last_run_at) == (True, moment)
        assert await jobs.list() == []
        assert [record.command for record in jobs.runs.latest()] == ["work"] * 2


async def test_an_api_call_can_be_a_task(jobs: Jobs) -> None:
    """A route by its path, and a handler that is found by the type of its request."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        seen.append((scope["method"], scope["path"], (await receive())["body"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    jobs.mount_api(app)

    @jobs.recurring(YEARLY, request=Clean(30), run_at_once=True)
    @jobs.api
    async def clean(request: Clean) -> None:
        seen.append(request)

    async with jobs.start():
        await jobs.schedules.put_api("call", YEARLY, "POST", "/clean", json={"days": 3}, run_at_once=True, user_id="u")

        async def completed() -> bool:
            tasks = await jobs.schedules.list()
            return [task.last_state for task in tasks] == [JobState.COMPLETED] * 2

        await eventually(completed, "both have run")
        assert sorted(map(str, seen)) == sorted(map(str, [("POST", "/clean", b'{"days":3}'), Clean(30)]))
        assert {task.request_type for task in await jobs.schedules.list()} == {"api"}
