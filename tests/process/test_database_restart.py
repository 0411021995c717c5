"""A database that restarts, crashes or drops its connections in mid-drain loses no job and ends no worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from dbjobs import Jobs
from tests.conformance.helpers import eventually, wait_all
from tests.conformance.raw import Raw
from tests.process.app import Work
from tests.process.workers import Workers, answers, assert_all_done_once, assert_lanes_kept
from tests.servers import Target, ThrowawayServer
from tests.servers.processes import Spawn

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres", "mysql")]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_in_mid_drain(
    server: ThrowawayServer, spawn: Spawn, tmp_path: Path, mode: Literal["fast", "immediate"]
) -> None:
    url = server.create_database("app")
    workers = Workers(spawn, url, tmp_path)
    async with Jobs(url) as jobs:
        jobs.declare("work", retry_limit=20)
        refs = await jobs.enqueue_many("work", [Work(0.01)] * 600)
        lane = await jobs.enqueue_many("work", [Work(0.01)] * 60, worker="w")
        processes = [workers.start("concurrency=5") for _ in range(2)]
        await workers.wait_lines("end", 100)
        await asyncio.to_thread(server.restart, mode)
        # The client's connections are gone too: its pool has to replace them.
        await eventually(lambda: answers(jobs), "the client is connected again")
        assert (await jobs.enqueue("work", Work(0.01), ref_id="after")).created
        after = await jobs.get_by_ref_id("after")
        assert after is not None
        refs += lane
        await wait_all(jobs, refs)
        await jobs.wait(after.id, timeout=20)
        refs.append(await jobs.enqueue("work", ref_id="after"))
        await assert_all_done_once(jobs, workers, refs)
        assert_lanes_kept(workers, {"w": lane})
        assert [process.poll() for process in processes] == [None, None], "a worker ended"


async def test_all_connections_dropped_again_and_again(target: Target, url: str, workers: Workers) -> None:
    raw = Raw(target.dialect, url)
    async with Jobs(url) as jobs:
        jobs.declare("work", retry_limit=20)
        refs = await jobs.enqueue_many("work", [Work(0.01)] * 600)
        lane = await jobs.enqueue_many("work", [Work(0.01)] * 60, worker="w")
        processes = [workers.start("concurrency=5") for _ in range(2)]
        for round_ in range(5):
            await workers.wait_lines("end", 60 * (round_ + 1))
            await raw.drop_connections()
        await eventually(lambda: answers(jobs), "the client is connected again")
        await wait_all(jobs, refs + lane)
        await assert_all_done_once(jobs, workers, refs + lane)
        assert_lanes_kept(workers, {"w": lane})
        assert [process.poll() for process in processes] == [None, None], "a worker ended"
        # Notices are heard again: the listening connection was rebuilt.
        assert (await jobs.wait(await jobs.enqueue("work", Work(0)), timeout=10)).attempt == 1
