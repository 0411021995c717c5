"""Runs are bounded, and what they cannot do is refused with one clear error."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from dbjobs import (
    InvalidOption,
    InvalidRequest,
    JobContext,
    Jobs,
    JobState,
    NotRunning,
    NotStored,
    TooManyRuns,
    UnknownCommand,
)
from tests.conformance.helpers import Gate, eventually


async def test_runs_are_bounded_in_number(url: str) -> None:
    jobs = Jobs(url, max_transient=2)
    gate = Gate()
    jobs.command(name="work")(gate)
    async with jobs:
        first, second = jobs.submit("work"), jobs.submit("work", worker="w")
        with pytest.raises(TooManyRuns, match=r"2 runs wait or run .*max_transient"):
            await jobs.run("work")
        gate.open()
        await first
        await second
        await eventually(lambda: not jobs.runs.running(), "there is room again")
        await jobs.run("work")
    with pytest.raises(InvalidOption, match="max_transient=0"):
        Jobs(url, max_transient=0)


async def test_plain_handlers_of_runs_have_as_many_threads_as_the_node(jobs: Jobs) -> None:
    released = threading.Event()
    started: list[int] = []

    @jobs.command
    def block(request: int) -> None:
        started.append(request)
        released.wait(20)

    async with jobs.start(threads=2):
        runs = [jobs.submit(block, number) for number in range(4)]
        await eventually(lambda: len(started) == 2, "two run")
        waiting = runs[2]
        assert waiting.state is JobState.QUEUED
        assert waiting.cancel()
        released.set()
        await runs[3]
    assert sorted(started) == [0, 1, 3]


async def test_what_only_a_stored_job_has_is_refused(jobs: Jobs) -> None:
    @jobs.command
    async def wants(request: str, job: JobContext) -> Any:
        if request == "ref":
            return job.ref
        async with job.transaction():
            return None

    async with jobs:
        with pytest.raises(NotStored, match="not stored"):
            await jobs.run(wants, "transaction")
        with pytest.raises(NotStored, match=r"job\.ref"):
            await jobs.run(wants, "ref")


async def test_each_wrong_use_has_one_clear_error(jobs: Jobs) -> None:
    @jobs.command(name="work")
    async def work(request: int) -> None: ...

    jobs.declare("elsewhere")
    with pytest.raises(NotRunning, match="the database is not open"):
        await jobs.run(work, 1)
    async with jobs:
        with pytest.raises(UnknownCommand, match="only declared in this process"):
            await jobs.run("elsewhere")
        with pytest.raises(UnknownCommand, match="did you mean 'work'"):
            jobs.submit("wrok")
        with pytest.raises(InvalidRequest, match="request of 'work'"):
            await jobs.run("work", "one")
        for name, value in {"run_after": 3, "queue": "q", "retry_limit": 1, "ref_id": "r", "depends_on": 1}.items():
            with pytest.raises(InvalidOption, match=rf"run: option '{name}' is one of stored jobs"):
                await jobs.run("work", 1, **{name: value})  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match=r"submit of 'work': unknown option 'workr'; did you mean 'worker'"):
            jobs.submit("work", 1, workr="x")  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match="timeout=-1"):
            await jobs.run("work", 1, timeout=-1)
        with pytest.raises(InvalidOption, match="exclusive=True needs worker="):
            await jobs.run("work", 1, exclusive=True)
        with pytest.raises(InvalidOption, match="exclusive='yes'"):
            await jobs.run("work", 1, exclusive="yes")  # type: ignore[call-overload]
        with pytest.raises(NotRunning, match=r"exclusive=True takes worker 'w' over all nodes .* no workers run here"):
            await jobs.run("work", 1, worker="w", exclusive=True)
        with pytest.raises(InvalidOption, match="calls a function at its end"):
            jobs.submit("work", 1, on_failed="me")  # type: ignore[call-overload]
