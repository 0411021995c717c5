"""Four worker processes on one server, everything that takes locks at once: conflicts are settled, never shown."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from dbjobs import JobRef, Jobs
from tests.conformance.helpers import eventually
from tests.process.app import Work
from tests.process.workers import Workers, assert_all_done_once, assert_lanes_kept

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres", "mysql", "sqlserver")]

JOBS = int(os.environ.get("DBJOBS_TEST_CONFLICT_JOBS", "6000"))
# What the databases say, and what the engine says when it has to try something again.
CONFLICT = re.compile(r"[Dd]eadlock|[Ll]ock wait|Record has changed|trying again|could not", re.ASCII)


async def test_no_conflict_reaches_a_caller_or_a_loop(
    url: str, workers: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    refs: list[JobRef] = []
    lanes: dict[str, list[JobRef]] = {f"lane {lane}": [] for lane in range(20)}
    async with Jobs(url) as jobs:
        jobs.declare("work")
        for _ in range(4):
            workers.start("concurrency=50", "lease_seconds=30")
        refs += await jobs.enqueue_many("work", [Work(0)] * (JOBS // 2))
        refs += await jobs.enqueue_many("work", [Work(0)] * (JOBS // 10), batch_id="batch", tag="many")

        async def caller(number: int) -> None:
            """Jobs with everything that makes a row of more than one table."""
            for turn in range(JOBS // 400):
                parent = await jobs.enqueue("work", Work(0), ref_id=f"{number}-{turn}", batch_id="batch")
                same = await jobs.enqueue("work", Work(0), ref_id=f"{number}-{turn}")
                assert (same.id, same.created) == (parent.id, False)
                refs.append(parent)
                refs.append(await jobs.enqueue("work", Work(0), depends_on=[parent, refs[turn]], batch_id="batch"))
                refs.extend(await asyncio.gather(*(jobs.enqueue("work", Work(0), run_after=0.01) for _ in range(10))))
                several = lanes[f"lane {number}"]
                several.append(await jobs.enqueue("work", Work(0), worker=f"lane {number}"))

        await asyncio.gather(*(caller(number) for number in range(20)))
        everything = refs + [ref for several in lanes.values() for ref in several]

        async def none_left() -> bool:
            return not await jobs.counts()

        await eventually(none_left, "all jobs have ended", timeout=60 + JOBS / 200)
        await assert_all_done_once(jobs, workers, everything)
        assert_lanes_kept(workers, lanes)
        assert len(workers.lines("start")) == len(everything), "a job was run twice"
        batch = await jobs.batch("batch")
        assert batch is not None
        assert batch.completed == batch.total == JOBS // 10 + 40 * (JOBS // 400)
    shown = [line for line in capfd.readouterr().err.splitlines() if CONFLICT.search(line)]
    assert shown == []
