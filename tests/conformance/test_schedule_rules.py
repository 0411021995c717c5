"""Scheduled tasks: what the rules of a task say happens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState, Schedule
from dbjobs.store import repository
from tests.conformance.helpers import Gate, eventually
from tests.conformance.tasks import MINUTE, YEARLY, jobs_of, row, set_next, tick

pytestmark = pytest.mark.about_us


@dataclass
class Clean:
    days: int


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
