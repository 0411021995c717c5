"""The database's clock is set, or a machine sleeps: nobody alive is buried, and the dead are found all the same."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import JobContext, Jobs, JobState, clock
from dbjobs.engine import lapse
from tests.conformance.helpers import PATIENCE_SECONDS, SLACK_SECONDS, Gate, eventually, nodes, stop_heartbeat
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
