"""A running job whose handler reports no progress has an estimate: its time over what the same work took before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dbjobs import Job, JobContext, Jobs, JobState
from dbjobs.inspect import estimates
from dbjobs.store import repository
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Rollup, Sums
from tests.conformance.helpers import Gate, eventually, wait_all

pytestmark = pytest.mark.about_us


async def took(jobs: Jobs, seconds: Mapping[tuple[str, str], float]) -> None:
    """Attempts by (command, worker), each ten times: this minute, this hour, and this day, on two nodes."""
    db = jobs._client.db
    now = int(await repository.read_clock(db))
    await repository.write_rollups(
        db,
        [
            Rollup(period, now // period * period, node, ("q", *key), Sums(completed=8, failed=2, run_ms=10_000 * mean))
            for period in (MINUTE, HOUR, DAY)
            for node in (1, 2)
            for key, mean in seconds.items()
        ],
    )


def running_for(job: Job[Any], seconds: float) -> Job[Any]:
    """The job as if it had started that long before."""
    assert job.started_at is not None
    return replace(job, started_at=job.started_at - timedelta(seconds=seconds))


async def test_it_is_the_time_over_the_mean_of_the_command_and_worker_else_of_the_command(jobs: Jobs) -> None:
    gate, reporting = Gate(), Gate()

    @jobs.command
    async def work() -> None:
        await gate()

    @jobs.command
    async def reports(job: JobContext) -> None:
        job.progress(0.25)
        await reporting()

    @jobs.command
    async def new() -> None:
        await gate()

    async with jobs.start():
        await took(jobs, {("work", ""): 1_000, ("work", "slow"): 4_000, ("work", "*"): 7_000, ("reports", ""): 1_000})
        refs = [
            await jobs.enqueue(work),
            await jobs.enqueue(work, worker="slow"),
            await jobs.enqueue(work, worker="unknown"),
            await jobs.enqueue(new),
            await jobs.enqueue(work, run_after=timedelta(hours=1)),
            await jobs.enqueue(reports),
        ]
        await eventually(lambda: gate.inside == 4, "four run")
        await reporting.entered.wait()

        async def is_reported() -> bool:
            job = await jobs.get(refs[5])
            return job is not None and job.progress is not None

        await eventually(is_reported, "its progress is stored")
        found = [await jobs.get(ref) for ref in refs]
        told = await jobs.estimates([running_for(job, 400) for job in found if job is not None and job.started_at])
        page = await jobs.estimates(await jobs.list())
        named = await jobs.estimates([refs[0], refs[1].id, 10**9])  # by a reference, by its id; the last is none
        late = await jobs.estimates([running_for(job, 1e6) for job in found if job is not None and job.started_at])
        gate.open()
        reporting.open()
        ended = await wait_all(jobs, [refs[0], refs[1], refs[2], refs[3], refs[5]])
        assert await jobs.estimates(ended) == {}
    # The whole command took (1,000 + 4,000 + 7,000) / 3 s. What the test itself takes comes on top.
    expected = {refs[0].id: 0.4, refs[1].id: 0.1, refs[2].id: 0.1}
    assert told.keys() == page.keys() == expected.keys()
    assert named.keys() == {refs[0].id, refs[1].id}
    for id, share in expected.items():
        assert share <= told[id] < share + 0.1
        assert 0 <= page[id] < 0.1
    assert set(late.values()) == {estimates.MOST}


async def test_means_come_from_what_has_run(jobs: Jobs) -> None:
    gate = Gate()

    @jobs.command
    async def work(waits: bool) -> None:
        if waits:
            await gate()

    async with jobs:
        async with jobs.start():
            await wait_all(jobs, [await jobs.enqueue(work, False) for _ in range(5)])
        async with jobs.start():
            ref = await jobs.enqueue(work, True)
            await gate.entered.wait()
            job = await jobs.get(ref)
            assert job is not None
            assert job.state is JobState.STARTED
            assert await jobs.estimates([running_for(job, 3600)]) == {ref.id: estimates.MOST}
            gate.open()


async def test_a_page_costs_one_statement_and_none_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = repository.mean_runs

    async def counting(db: Any, bound: int) -> Any:
        asked.append(bound)
        return await real(db, bound)

    monkeypatch.setattr(repository, "mean_runs", counting)
    async with jobs:
        await took(jobs, {("work", ""): 1_000})
        ref = await jobs.enqueue(jobs.declare("work"), None)
        job = await jobs.get(ref)
        assert job is not None
        assert await jobs.estimates([job]) == {}
        assert asked == []
        page = [replace(job, id=id, state=JobState.STARTED, started_at=job.created_at) for id in range(100)]
        assert len(await jobs.estimates(page)) == 100
        assert len(await jobs.estimates(page)) == 100
        assert asked == [estimates.BOUND]
        jobs._estimates._until -= estimates.KEEP_SECONDS  # so much later
        assert len(await jobs.estimates(page)) == 100
        assert asked == [estimates.BOUND] * 2


async def test_only_the_newest_roll_ups_are_read(jobs: Jobs) -> None:
    async with jobs:
        db = jobs._client.db
        now = int(await repository.read_clock(db)) // DAY * DAY
        rows = [
            Rollup(period, now - age * period, 1, ("q", "work", ""), Sums(completed=1, run_ms=1000.0 * (age + 1)))
            for period in (MINUTE, HOUR, DAY)
            for age in range(5)
        ]
        unknown = Rollup(MINUTE, now + MINUTE, 1, ("q", "quiet", ""), Sums(completed=5))  # run times are not known
        await repository.write_rollups(db, rows)
        clock, means = await repository.mean_runs(db, 2)
        assert means == {("work", ""): (6.0, 9_000.0)}
        assert clock is not None
        assert abs(clock - await repository.read_clock(db)) < 20
        await repository.write_rollups(db, [unknown])
        assert (await repository.mean_runs(db, 2))[1] == {("work", ""): (5.0, 7_000.0)}
