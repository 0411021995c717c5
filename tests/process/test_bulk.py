"""A bulk action whose node is killed goes on elsewhere, and reaches and counts each job once."""

from __future__ import annotations

import os
import signal
from typing import Any

import msgspec
import pytest

from dbjobs import Jobs, JobState
from dbjobs.store import repository
from tests.conformance.helpers import eventually
from tests.process.app import Work
from tests.process.workers import Workers

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_a_node_that_is_killed_leaves_its_bulk_action_to_another(url: str, workers: Workers) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        await jobs.queues.pause("held")
        refs = await jobs.enqueue_many("work", [Work()] * 360, queue="held")
        doomed = workers.start("concurrency=4")
        ref = await jobs.bulk.start("cancel", name="all", rate=200.0, queue="held")

        async def reached() -> Any:
            text = await repository.get_setting(jobs._client.db, f"bulk:{ref.id}")
            return text is not None and msgspec.json.decode(text)["reached"]

        await eventually(reached, "the action is at work")
        os.kill(doomed.pid, signal.SIGKILL)
        doomed.wait()
        job = await jobs.get(ref)
        assert job is not None
        assert job.state is JobState.STARTED, "it was killed when it had nothing to do"
        workers.start("concurrency=4")
        done = await jobs.wait(ref, timeout=60)
        assert msgspec.to_builtins(done.response) == {"reached": 360, "looked_at": 360}
        assert done.attempt == 2
        assert await jobs.counts() == {}
        ended = await jobs._get_many([one.id for one in refs])
        assert {one.state for one in ended.values()} == {JobState.CANCELLED}
        assert len(ended) == 360
