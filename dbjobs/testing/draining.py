"""Runs what is due, in a test's own good time."""

from __future__ import annotations

from datetime import timedelta

import anyio

from dbjobs.commands.options import duration, switch
from dbjobs.engine.supervisor import Engine
from dbjobs.errors import InvalidOption, JobFailed
from dbjobs.jobs import Jobs
from dbjobs.models import Job, JobState
from dbjobs.testing.inline_client import InlineClient


async def drain(jobs: Jobs, *, timeout: float | timedelta = 60, raise_on_failure: bool = False) -> list[Job]:
    """Run all jobs that are due, and those that become so by it, until none is left.

    Children of what has completed, callbacks, and retries without a delay are run; what waits for its time stays
    (``frozen_time`` moves it on), and so do jobs of paused queues and of commands that are not registered here. Workers
    are started for it, unless they run already, with any number of nodes beside them.

    Args:
        timeout: longest time for all of it, in seconds or as a timedelta.
        raise_on_failure: raise JobFailed if one of them has failed for good.

    Returns:
        The jobs that ran, as they are now, in the order in which they were started.

    Raises:
        TimeoutError: names what still runs. JobFailed.
    """
    switch(raise_on_failure, "drain: raise_on_failure")
    if isinstance(jobs._client, InlineClient):
        raise InvalidOption("drain: in inline mode every job runs when it is enqueued; nothing is left to run")
    seconds = duration(timeout, "drain: timeout")
    if jobs._client.is_working and jobs._client.engine is not None:
        ran = await _drained(jobs, jobs._client.engine, seconds)
    else:
        async with jobs.start(grace_seconds=0) as engine:
            ran = await _drained(jobs, engine, seconds)
    failed = next((job for job in ran if job.state is JobState.FAILED), None) if raise_on_failure else None
    if failed is not None:
        raise JobFailed(f"job {failed.id} ({failed.command}) failed: {failed.error}")
    return ran


async def _drained(jobs: Jobs, engine: Engine, seconds: float) -> list[Job]:
    work = engine.drain()
    try:
        with anyio.fail_after(seconds):
            await work.run()
    except TimeoutError:
        running = ", ".join(f"job {id} ({command})" for id, command in work.running) or "no job"
        raise TimeoutError(f"drain: not done within {seconds:g} s; {running} still runs") from None
    found = await jobs._get_many(work.ran)
    return [found[id] for id in work.ran if id in found]
