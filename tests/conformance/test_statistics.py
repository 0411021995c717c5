"""Roll-ups: counts, waits and run times by queue, command and worker, per node and together; folded as they age."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs import Cancel, InvalidOption, Jobs, RetryAfter
from dbjobs.engine import tally
from dbjobs.inspect.numbers import Counts, Stat
from dbjobs.store import repository
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Rollup, Sums
from tests.conformance.helpers import Gate, eventually, wait_all

pytestmark = pytest.mark.about_us


async def by_name(jobs: Jobs, by: Any) -> dict[str | None, Stat]:
    return {one.name: one for one in await jobs.stats(by=by)}


async def test_what_ran_is_counted_by_queue_command_and_worker(jobs: Jobs) -> None:
    tries: list[int] = []

    @jobs.command
    async def quick() -> None: ...

    @jobs.command
    async def slow() -> None:
        await asyncio.sleep(0.05)

    @jobs.command(retry_limit=0)
    async def broken() -> None:
        raise ValueError("no")

    @jobs.command
    async def unwanted() -> None:
        raise Cancel("no")

    @jobs.command(retry_limit=3)
    async def second_time() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RetryAfter(0)

    async with jobs:
        refs = [await jobs.enqueue(quick, queue="a") for _ in range(8)]
        refs += [await jobs.enqueue(slow, queue="b", worker="lane") for _ in range(3)]
        refs += [await jobs.enqueue(command) for command in (broken, unwanted, second_time)]
        async with jobs.start() as engine:
            node_id = engine.node_id
            await wait_all(jobs, refs)
        commands, queues = await by_name(jobs, "command"), await by_name(jobs, "queue")
        counts = {name: (one.completed, one.failed, one.cancelled, one.retried) for name, one in commands.items()}
        assert counts == {
            "quick": (8, 0, 0, 0),
            "slow": (3, 0, 0, 0),
            "broken": (0, 1, 0, 0),
            "unwanted": (0, 0, 1, 0),
            "second_time": (1, 0, 0, 1),
        }
        assert {name: one.completed for name, one in queues.items()} == {"a": 8, "b": 3, "default": 1}
        run = commands["slow"].run
        assert run.count == 3
        assert 40 < (run.p50 or 0) <= (run.p99 or 0)
        assert (run.mean or 0) >= 50
        wait = commands["quick"].wait
        assert wait.count == 8
        assert wait.mean is not None
        assert wait.mean > 0
        (lane,) = await jobs.stats(by="worker")
        assert (lane.name, lane.completed, lane.run.count) == ("lane", 3, 3)
        (together,) = await jobs.stats(by=None)
        assert (together.completed, together.retried, together.run.count) == (12, 1, 15)
        told = await jobs.workers.stats()
        (worker,) = told.workers
        assert worker.together == Counts(received=3, completed=3)
        assert worker.by_node == {node_id: Counts(received=3, completed=3)}
        assert told.together == Counts(received=15, completed=12, retries=1, failed=1, cancelled=1)
        with pytest.raises(InvalidOption, match="stats: by='hour' must be 'queue', 'command' or 'worker'"):
            await jobs.stats(by="hour")  # type: ignore[call-overload]


async def test_workers_as_they_are_now(jobs: Jobs, url: str) -> None:
    gate = Gate()

    @jobs.command
    async def hold() -> None:
        await gate()

    client = Jobs(url)
    async with client, jobs.start(concurrency=1) as engine:
        running = await jobs.enqueue(hold, worker="busy")
        await gate.wait_entered()
        for _ in range(3):
            await jobs.enqueue(hold, worker="busy")
        await jobs.enqueue(hold, worker="idle")
        told = await client.workers.stats()
        busy, idle = told.workers
        assert (busy.worker, busy.queued, busy.node_id, busy.running_job) == ("busy", 3, engine.node_id, running.id)
        assert busy.running_since is not None
        assert (idle.worker, idle.queued, idle.node_id, idle.running_job) == ("idle", 1, None, None)
        assert [(node.node_id, node.alive) for node in told.nodes] == [(engine.node_id, True)]
        gate.open()


async def test_minutes_become_hours_and_hours_days(jobs: Jobs) -> None:
    async with jobs:
        db = jobs._client.db
        now = int(await repository.read_clock(db))
        rows = []
        for age in (MINUTE, HOUR, 5 * HOUR, 5 * HOUR + MINUTE, 40 * DAY, 40 * DAY + HOUR, 40 * DAY + HOUR + MINUTE):
            for counter in (1, 2):
                sums = Sums(completed=1, run_ms=2.0, run={4: 1}, waits=1, wait_ms=8.0, wait={12: 1})
                starts = (now - age) // MINUTE * MINUTE
                rows.append(Rollup(MINUTE, starts, counter, ("q", "c", "ü" if age == HOUR else ""), sums))
        await repository.write_rollups(db, rows)
        await repository.write_rollups(db, rows)  # an answer was lost: the same again
        await tally.fold(db)
        await tally.fold(db)
        left = await repository.list_rollups(db, 0)
        total = Sums()
        for rollup in left:
            total.add(rollup.sums)
            age = now - rollup.starts
            assert rollup.period_seconds == (MINUTE if age < 4 * HOUR else HOUR if age < 15 * DAY else DAY)
            assert rollup.starts % rollup.period_seconds == 0
        assert total == Sums(completed=14, run_ms=28.0, run={4: 14}, waits=14, wait_ms=112.0, wait={12: 14})
        assert len([rollup for rollup in left if rollup.period_seconds == DAY]) <= 2
        recent = await repository.list_rollups(db, now - 2 * HOUR)
        assert {rollup.counter for rollup in recent} == {1, 2}


async def test_names_are_bounded(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_NAMES", 3)

    @jobs.command
    async def quick() -> None: ...

    async with jobs.start() as engine:
        for n in range(6):
            await jobs.wait(await jobs.enqueue(quick, worker=f"lane {n}"), timeout=30)

        async def counted() -> bool:
            await engine._tally.flush()
            return sum(one.completed for one in await jobs.stats(by="worker")) == 6

        await eventually(counted, "all are counted", timeout=30)
        names = {one.name: one.completed for one in await jobs.stats(by="worker")}
        assert names[tally.OTHERS] == 3
        assert len(names) == 4
