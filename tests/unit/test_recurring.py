"""Declaring a task: what is checked where it is written, without a database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import InvalidOption, InvalidRequest, Jobs, NotRunning, Schedule, UnknownCommand
from dbjobs.testing import drain, frozen_time, temporary_database

DAILY = Schedule.daily
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs("sqlite:///not-opened.db")


async def report(day: int) -> None: ...


async def tick() -> None: ...


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"misfire": "never"}, "misfire='never' must be one of 'one', 'all', 'none'"),
        ({"overlap": "wait"}, "overlap='wait' must be one of 'allow', 'skip'"),
        ({"jitter": -1}, "jitter=-1 must be between 0 seconds and 100 years"),
        ({"jitter": "5"}, "jitter='5' must be a number of seconds or a timedelta"),
        (
            {"start": datetime(2026, 1, 1)},
            "start=datetime.datetime(2026, 1, 1, 0, 0) must be a datetime with a time zone",
        ),
        ({"end": "tomorrow"}, "end='tomorrow' must be a datetime with a time zone"),
        ({"start": NOON, "end": NOON.replace(hour=1)}, "is before start="),
        ({"run_at_once": "yes"}, "run_at_once='yes' must be True or False"),
        ({"transient": True, "queue": "q"}, "option 'queue' is one of stored jobs; leave transient=True out"),
        ({"transient": True, "jitter": 5}, "it goes with neither jitter nor overlap='skip'"),
        ({"transient": "yes"}, "transient='yes' must be True or False"),
        ({"queues": "x"}, "unknown option 'queues'; did you mean 'queue'?"),
        ({"ref_id": "x"}, "option 'ref_id' belongs to one job and cannot be a default"),
        ({"batch_id": "x"}, "option 'batch_id' belongs to one job"),
        ({"depends_on": 1}, "option 'depends_on' belongs to one job"),
        ({"run_after": NOON}, "run_after must be a delay; a task's first time is start="),
        ({"timeout": -1}, "option timeout=-1: must be between 0 seconds"),
        ({"name": ""}, "the name of a task must not be empty"),
        ({"name": "x" * 201}, "the name of a task must have at most 200 characters"),
        ({"name": 7}, "the name of a task must be a string"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_said_where_it_is_declared(jobs: Jobs, how: dict[str, Any], said: str) -> None:
    jobs.command(tick)
    with pytest.raises(InvalidOption, match=re.escape(said)):
        jobs.recurring(DAILY, **how)(tick)
    assert jobs.schedules.names == []


@pytest.mark.parametrize("schedule", ["0 9 * * *", 60, None])
def test_a_schedule_must_be_one(jobs: Jobs, schedule: Any) -> None:
    with pytest.raises(InvalidOption, match=r"is not a schedule; write Schedule\.cron"):
        jobs.recurring(schedule)


def test_a_request_must_fit_the_command(jobs: Jobs) -> None:
    jobs.command(report)
    with pytest.raises(InvalidRequest, match="none was given"):
        jobs.recurring(DAILY)(report)
    with pytest.raises(InvalidRequest, match="'report' does not fit its declared type int"):
        jobs.recurring(DAILY, request="monday")(report)
    jobs.recurring(DAILY, request=1)(report)
    jobs.recurring(DAILY, request=2, name="second")(report)
    assert jobs.schedules.names == ["report", "second"]


def test_a_name_is_taken_once(jobs: Jobs) -> None:
    jobs.command(tick)
    jobs.recurring(DAILY)(tick)
    with pytest.raises(InvalidOption, match="task 'tick' is declared already; give one of them another name="):
        jobs.recurring(Schedule.hourly)(tick)


def test_the_decorators_may_stand_in_either_order(jobs: Jobs) -> None:
    @jobs.recurring(DAILY)
    @jobs.command
    async def above() -> None: ...

    @jobs.command(name="below it")
    @jobs.recurring(DAILY)
    async def below() -> None: ...

    assert jobs.schedules.names == ["above", "below"]


async def test_a_handler_that_is_no_command_is_named_when_the_node_starts(url: str) -> None:
    jobs = Jobs(url)
    jobs.recurring(DAILY)(tick)
    with pytest.raises(UnknownCommand, match="no command named 'tick' is registered"):
        async with jobs.start():
            pass


async def test_tasks_are_stored_in_an_open_database(jobs: Jobs) -> None:
    jobs.command(tick)
    with pytest.raises(NotRunning):
        await jobs.schedules.put("task", DAILY, tick)


async def test_the_next_times_of_a_schedule_need_no_database(jobs: Jobs) -> None:
    times = await jobs.schedules.next_runs(DAILY, 3)
    assert [time.hour for time in times] == [0, 0, 0]
    for wrong in (0, -1, 1001, True, "5"):
        with pytest.raises(InvalidOption, match="must be between 1 and 1000"):
            await jobs.schedules.next_runs(DAILY, wrong)  # type: ignore[arg-type]


async def test_frozen_time_moves_tasks_on() -> None:
    """Over the night in which half past two does not exist in Paris."""
    jobs = Jobs("sqlite:///not-opened.db")

    @jobs.recurring(Schedule.cron("30 2 * * *", tz="Europe/Paris"))
    @jobs.command
    async def nightly() -> None: ...

    with temporary_database(jobs), frozen_time(jobs, datetime(2026, 3, 28, 12, tzinfo=UTC)) as clock:
        async with jobs.start():
            assert await drain(jobs) == []
            for shown in ("2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"):
                clock.move(timedelta(days=1))
                assert [job.meta["scheduled_for"] for job in await drain(jobs)] == [shown]
            task = await jobs.schedules.get("nightly")
            assert task is not None
            assert task.missed == 0
