"""A handler that blocks its event loop does not make its process look dead, and the log names the line."""

from __future__ import annotations

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import eventually, wait_all
from tests.process.app import Work
from tests.process.workers import LEASE_SECONDS, Workers

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_nobody_takes_the_jobs_of_a_process_that_is_blocked_for_longer_than_two_leases(
    url: str, workers: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked_seconds = LEASE_SECONDS * 2 + 1
    async with Jobs(url) as jobs:
        jobs.declare("work")
        jobs.declare("block")
        blocked = workers.start("concurrency=5")
        # What it holds beside the handler that blocks: these cannot go on, but still belong to it.
        held = [await jobs.enqueue("work", Work(0.5)) for _ in range(3)]
        await workers.wait_lines("start", 3)
        blocking = await jobs.enqueue("block", Work(blocked_seconds))
        await workers.wait_lines("start", 4)
        other = workers.start("concurrency=5")
        elsewhere = [await jobs.enqueue("work", Work(0.01)) for _ in range(5)]
        ended = await wait_all(jobs, [*held, blocking, *elsewhere])
        assert {(job.state, job.attempt, job.errors) for job in ended} == {(JobState.COMPLETED, 1, ())}
        starts = workers.lines("start")
        assert sorted(line.job for line in starts) == sorted(ref.id for ref in (*held, blocking, *elsewhere))
        assert {line.pid for line in starts if line.job in {ref.id for ref in (*held, blocking)}} == {blocked.pid}
        begun = next(line.at for line in starts if line.job == blocking.id)
        freed = next(line.at for line in workers.lines("end") if line.job == blocking.id)
        assert freed - begun >= LEASE_SECONDS * 2, "it was not blocked for long enough to prove anything"
        there = [line for line in workers.lines("end") if line.pid == other.pid]
        assert len(there) == len(elsewhere), "the other process did not do all of what came meanwhile"
        assert max(line.at for line in there) < freed, "what came meanwhile had to wait"
        assert sum([node.alive for node in await jobs.nodes()]) == 2
        errors = ""

        def names_the_line() -> bool:
            nonlocal errors
            errors += capfd.readouterr().err
            return "the event loop has been blocked" in errors and "time.sleep(request.seconds)" in errors

        await eventually(names_the_line, "the log names the line that blocks")
        assert "app.py" in errors
        assert "is gone" not in errors, "somebody buried a node that lives"
