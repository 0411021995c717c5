"""What is enqueued late in a caller's transaction counts from the enqueue, not from the transaction's beginning."""

from __future__ import annotations

from datetime import timedelta

from dbjobs import Jobs, JobState
from dbjobs.store import repository
from tests.conformance.raw import Raw


async def echo() -> None: ...


async def test_a_delay_and_an_expiry_count_from_the_enqueue(jobs: Jobs, raw: Raw) -> None:
    """A transaction that is older than the delay must not make the job due at its commit, nor expire it."""
    hour = timedelta(hours=1)
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        await own.begin()
        await own.execute("SELECT count(*) FROM note")
        before = await repository.database_time(jobs._client.db)
        ref = await jobs.enqueue(echo, run_after=hour, expires_after=2 * hour, connection=own.driver)
        await own.commit()
        job = await jobs.get(ref)
    assert job is not None
    assert job.state is JobState.SCHEDULED
    assert job.run_after is not None
    assert job.expires_at is not None
    assert job.run_after >= before + hour
    assert job.expires_at >= before + 2 * hour


async def test_a_moment_that_has_come_during_the_transaction_makes_the_job_ready(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, raw.connection() as own:
        await own.begin()
        await own.execute("SELECT count(*) FROM note")
        moment = await repository.database_time(jobs._client.db)  # later than the beginning, earlier than the enqueue
        ref = await jobs.enqueue(echo, run_after=moment, connection=own.driver)
        await own.commit()
        job = await jobs.get(ref)
    assert job is not None
    assert job.state is JobState.QUEUED
