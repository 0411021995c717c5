"""The database's clock is set, or a machine sleeps: nobody alive is buried, and the dead are still found."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState, clock
from dbjobs.engine import clock_steps, lapse
from dbjobs.store import repository
from tests.conformance.helpers import (
    PATIENCE_SECONDS,
    SLACK_SECONDS,
    Gate,
    eventually,
    nodes,
    state_of,
    stop_heartbeat,
    wait_all,
)
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = pytest.mark.about_us

LEASE_SECONDS = 1.5
STEP = timedelta(minutes=10)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


async def step(raw: Raw, by: timedelta) -> None:
    """Make all rows of nodes look as they do when the database's clock has been set by so much."""
    for id, seen, over in await raw.rows("SELECT id, last_seen_at, lease_expires_at FROM dbjobs.job_node"):
        texts = [(_moment(moment) - by).isoformat(" ", "milliseconds") + raw._driver.utc for moment in (seen, over)]
        await raw.rows(
            f"UPDATE dbjobs.job_node SET last_seen_at = '{texts[0]}', lease_expires_at = '{texts[1]}' WHERE id = {id}"
        )


@pytest.mark.slow
async def test_a_step_forward_buries_nobody_alive(url: str, raw: Raw, target: Target) -> None:
    """Every lease is over at once by the database's clock, until its node renews it."""
    gate = Gate()
    lease_seconds = max(LEASE_SECONDS, 2 * target.slowness)

    def register(jobs: Jobs) -> None:
        jobs.command(name="slow", retry_limit=0)(gate)

    async with nodes(url, 3, register, lease_seconds=lease_seconds) as started:
        engines = [jobs._client.engine for jobs in started]
        ids = [engine.node_id for engine in engines if engine is not None]
        refs = [await started[0].enqueue("slow") for _ in range(6)]
        await eventually(lambda: gate.inside == 6, "all run")
        for _ in range(3):
            await step(raw, STEP)
            await asyncio.sleep(lease_seconds / 2)  # the rescuers look meanwhile
        assert [engine.node_id for engine in engines if engine is not None] == ids
        gate.open()
        ended = [await started[0].wait(ref, timeout=10) for ref in refs]
        assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}


@pytest.mark.slow
async def test_a_step_back_hides_no_dead_node_for_longer_than_its_lease(url: str, raw: Raw, target: Target) -> None:
    gate = Gate()
    attempts: list[int] = []

    def register_other(jobs: Jobs) -> None:
        @jobs.command
        async def work(job: JobContext) -> None:
            attempts.append(job.attempt)

    lease_seconds = max(LEASE_SECONDS, 2 * target.slowness)
    async with nodes(
        url, 1, lambda jobs: jobs.command(name="work")(gate), lease_seconds=lease_seconds, grace_seconds=0
    ) as (dying,):
        ref = await dying.enqueue("work")
        await gate.wait_entered()
        async with nodes(url, 1, register_other, lease_seconds=lease_seconds) as (other,):
            assert dying._client.engine is not None
            stop_heartbeat(dying._client.engine)
            await eventually(lambda: not dying._client.engine._node._thread.is_alive(), "it is dead")  # type: ignore[union-attr]
            # Its lease lies ten minutes ahead now.
            await step(raw, -STEP)
            began = time.monotonic()
            await other.wait(ref, timeout=20)
            assert time.monotonic() - began < 1.5 * lease_seconds + SLACK_SECONDS * target.slowness
    assert attempts == [2]


async def move_jobs(raw: Raw, by: timedelta) -> None:
    """Make scheduled jobs look as if they had been scheduled, and counted, while the clock stood ahead by so much."""
    for (minute,) in await raw.rows("SELECT minute FROM dbjobs.job_stat WHERE retried > 0"):
        old, new = (
            at.isoformat(" ", "milliseconds") + raw._driver.utc for at in (_moment(minute), _moment(minute) + by)
        )
        await raw.rows(f"UPDATE dbjobs.job_stat SET minute = '{new}' WHERE minute = '{old}'")
    columns = "created_at, last_activity_at, run_after"
    for id, *moments in await raw.rows(f"SELECT id, {columns} FROM dbjobs.background_job WHERE state = 'scheduled'"):
        moved = ", ".join(
            f"{name} = '{(_moment(moment) + by).isoformat(' ', 'milliseconds') + raw._driver.utc}'"
            for name, moment in zip(columns.split(", "), moments, strict=True)
            if moment is not None
        )
        await raw.rows(f"UPDATE dbjobs.background_job SET {moved} WHERE id = {id}")


@pytest.mark.parametrize("found_by", ["a node that starts", "a node that lives"])
async def test_a_step_back_holds_up_no_retry_and_its_lane_for_longer_than_its_back_off(
    url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch, found_by: str
) -> None:
    """The retry was scheduled while the clock stood ahead by ten minutes. A moment that a caller has given stays."""
    order: list[tuple[str, int]] = []

    def register(jobs: Jobs) -> None:
        @jobs.command(retry_limit=1, retry=Backoff(first_seconds=3.0, jitter=0))
        async def work(what: str, job: JobContext) -> None:
            order.append((what, job.attempt))
            if what == "first" and job.attempt == 1:
                raise ValueError("not yet")

    monkeypatch.setattr(clock_steps, "LOOK_SECONDS", 0.2)
    lives = found_by == "a node that lives"
    async with nodes(url, 1, register) as (jobs,):
        first, second = [await jobs.enqueue("work", what, worker="lane") for what in ("first", "second")]
        later = await jobs.enqueue("work", "later", run_after=timedelta(hours=1))

        async def is_in_back_off() -> bool:
            return await state_of(jobs, first) is JobState.SCHEDULED

        await eventually(is_in_back_off, "the first is in back-off")
        if lives:
            # Its looks saw the clock stand ahead, until it was set back.
            ahead = [STEP]
            real = repository.database_time

            async def database_time(db: Any) -> datetime:
                return await real(db) + ahead[0]

            monkeypatch.setattr(repository, "database_time", database_time)
            steps = jobs._client.engine._clock_steps  # type: ignore[union-attr]
            await eventually(
                lambda: abs((steps._offset or 0) + clock.now() - time.time() - STEP.total_seconds()) < 60,
                "its looks see the clock stand ahead",
            )
            await move_jobs(raw, STEP)
            ahead[0] = timedelta()
            ended = await wait_all(jobs, [first, second], timeout=60)
    if not lives:
        await move_jobs(raw, STEP)
        async with nodes(url, 1, register) as (jobs,):
            ended = await wait_all(jobs, [first, second], timeout=60)
    async with Jobs(url) as jobs:
        assert await state_of(jobs, later) is JobState.SCHEDULED
        left = await jobs.get(later)
    assert {job.state for job in ended} == {JobState.COMPLETED}
    assert [what for what, _ in order] == ["first", "first", "second"]
    assert left is not None
    assert left.run_after is not None
    assert left.run_after - datetime.now(UTC) > timedelta(hours=1), "it has kept its moment"


class Sleep:
    """A machine whose clock has gone on while it slept."""

    def __init__(self) -> None:
        self.slept = 0.0
        self._now = clock.now

    def now(self) -> float:
        return self._now() + self.slept


@pytest.mark.slow
@pytest.mark.parametrize("buried", [False, True])
async def test_a_machine_that_slept_asks_whether_its_jobs_are_still_its_own(
    url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch, *, buried: bool
) -> None:
    gate, sleep = Gate(), Sleep()
    monkeypatch.setattr(clock, "now", sleep.now)
    monkeypatch.setattr(lapse, "LAPSED_SECONDS", PATIENCE_SECONDS)  # the answer may come late on a busy machine
    async with nodes(
        url, 1, lambda jobs: jobs.command(name="slow", retry_limit=0)(gate), lease_seconds=LEASE_SECONDS
    ) as (jobs,):
        engine = jobs._client.engine
        assert engine is not None
        id = engine.node_id
        ref = await jobs.enqueue("slow")
        await gate.wait_entered()
        if buried:
            await raw.rows("UPDATE dbjobs.job_node SET buried = " + ("true" if raw.dialect == "postgres" else "1"))
        # Between two beats: of one that is under way nobody knows whether the machine slept or the server was slow.
        await eventually(lambda: engine._node._next_beat > clock.now() + 0.1, "no beat is under way")
        sleep.slept = 3600.0
        if buried:
            await eventually(lambda: gate.cancelled == 1, "its job is stopped")
            await eventually(lambda: engine.node_id not in (None, id), "it is back under a new id")
            return
        await eventually(lambda: engine._node.lease_ends > clock.now() or gate.cancelled, "its lease is renewed")
        assert engine.node_id == id
        assert gate.cancelled == 0
        gate.open()
        done = await jobs.wait(ref, timeout=10)
    assert (done.state, done.attempt) == (JobState.COMPLETED, 1)
