"""Health: what stands still is found, named, and has a remedy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dbjobs import Backoff, Jobs
from dbjobs.inspect.health import QUICK, Check, Examined, Finding, examine
from dbjobs.inspect.health import database as of_database
from dbjobs.inspect.health.work import check_lanes
from dbjobs.store import repository
from dbjobs.store.records import DeadRows
from tests.conformance.helpers import eventually

pytestmark = pytest.mark.about_us


async def wrong(jobs: Jobs, *checks: Check, longest_wait: float = 300) -> list[Finding]:
    examined = Examined(db=jobs._client.db, commands=None, longest_wait_seconds=longest_wait)
    return [finding async for finding in examine(examined, checks or QUICK) if not finding.ok]


async def test_a_lane_that_waits_for_a_retry_is_found_with_its_jobs(jobs: Jobs) -> None:
    @jobs.command(retry_limit=5, retry=Backoff(first_seconds=3600))
    async def pay(amount: int) -> None:
        raise ConnectionError("no bank")

    async with jobs:
        first = await jobs.enqueue(pay, 1, worker="bank ü")
        await jobs.enqueue(pay, 2, worker="bank ü")
        assert await wrong(jobs, check_lanes) == []
        async with jobs.start():

            async def blocked() -> bool:
                lane = (await repository.list_workers(jobs._client.db, 10)).get("bank ü")
                return lane is not None and lane.blocked_by == first.id

            await eventually(blocked, "the lane waits for the retry", timeout=30)
        assert await wrong(jobs, check_lanes) == []
        (found,) = await wrong(jobs, check_lanes, longest_wait=-1)
        assert f"worker 'bank ü' waits for a retry of job {first.id}" in found.message
        assert "1 job waits" in found.message
        assert found.search == 'worker:"bank ü"'
        assert found.advice


@pytest.mark.once
async def test_a_clock_that_is_wrong_and_rows_that_are_held_are_found(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jobs:
        checks = (of_database.check_clock, of_database.check_dead_rows)
        assert await wrong(jobs, *checks) == []
        theirs = repository.database_time

        async def late(db: repository.Fetcher) -> object:
            return await theirs(db) - timedelta(minutes=3)

        async def held(db: repository.Fetcher) -> DeadRows:
            return DeadRows(allowed=True, place=9_000_000, held_back=5_000_000)

        monkeypatch.setattr(repository, "database_time", late)
        monkeypatch.setattr(repository, "may_vacuum", held)
        clock, rows = await wrong(jobs, *checks)
        assert clock.message == "this machine's clock is 3 min ahead of the database's"
        assert rows.message == "an old transaction keeps the dead rows of 5,000,000 later ones"
