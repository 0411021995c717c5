"""Scheduled tasks: a time yields one job on any number of nodes, and none before the database's clock says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, Schedule
from dbjobs.errors import LockTimeout
from dbjobs.store import repository
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.transactions import scheduling
from tests.conformance.helpers import eventually, nodes
from tests.conformance.raw import Raw
from tests.conformance.tasks import MINUTE, YEARLY, row, set_next, tick

pytestmark = pytest.mark.about_us


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
