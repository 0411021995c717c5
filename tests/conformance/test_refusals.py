"""Only what is a job's own data is written down as that job's failure; whatever else the database refuses waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dbjobs import DatabaseError, Jobs, JobState, MissingPermission
from dbjobs.engine import finisher
from dbjobs.errors import DataRefused
from dbjobs.store import repository
from dbjobs.store.records import Outcome
from tests.conformance.helpers import assert_each_once, eventually, state_of, wait_all
from tests.servers import Target


class Refusals:
    """Refuses to finish jobs while it says so.

    Attributes:
        error: what a finish raises that holds a job for which ``refuses`` is true; None for none.
        statements: how many were refused.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.refuses: Callable[[Outcome], bool] = lambda _: True
        self.statements = 0
        finish = repository.finish_jobs

        async def finish_jobs(db: Any, node_id: int, counter: int, outcomes: Sequence[Outcome]) -> Any:
            if self.error is not None and any(self.refuses(outcome) for outcome in outcomes):
                self.statements += 1
                raise self.error
            return await finish(db, node_id, counter, outcomes)

        monkeypatch.setattr(repository, "finish_jobs", finish_jobs)


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    monkeypatch.setattr(finisher, "FIRST_PAUSE_SECONDS", 0.05)
    return Refusals(monkeypatch)


@pytest.mark.once
@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("cannot execute UPDATE in a read-only transaction"),
        MissingPermission("a month is missing, and this role may not make one"),
        AttributeError("'NoneType' object has no attribute 'send'"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_refused_for_all_waits_and_is_told_once(
    jobs: Jobs, refusals: Refusals, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @jobs.command
    async def work(request: int) -> int:
        return request

    async with jobs.start() as engine:
        refusals.error = error
        refs = await jobs.enqueue_many(work, range(300))
        await eventually(lambda: refusals.statements > 20, "it is tried again and again")
        await eventually(lambda: len(engine._finisher) == 300, "all of them have run, and all outcomes are kept")
        assert "cannot be stored" not in caplog.text
        assert len([record for record in caplog.records if str(error) in record.getMessage()]) == 1
        refusals.error = None
        done = await wait_all(jobs, refs)
        assert [job.response for job in done] == [*range(300)]
        await assert_each_once(jobs, refs)


@pytest.mark.once
async def test_what_is_refused_for_one_keeps_no_other_waiting(
    jobs: Jobs, refusals: Refusals, caplog: pytest.LogCaptureFixture
) -> None:
    @jobs.command
    async def work(request: int) -> int:
        return request

    async with jobs.start() as engine:
        first = await jobs.enqueue(work, 0)
        await jobs.wait(first, timeout=10)
        refused: set[int] = set()
        refusals.refuses = lambda outcome: outcome.id in refused
        refusals.error = MissingPermission("this job's month is missing, and this role may not make one")
        refused.update(range(first.id + 1, first.id + 400, 80))
        refs = await jobs.enqueue_many(work, range(400))
        others = [ref for ref in refs if ref.id not in refused]
        assert len(others) == 395
        await wait_all(jobs, others)
        later = await jobs.enqueue_many(work, range(10))
        await wait_all(jobs, later)
        await eventually(lambda: len(engine._finisher) == 5, "those that are refused are kept, and no others")
        told = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(told) <= 1, "it is told once"
        assert await state_of(jobs, refs[0]) is JobState.STARTED
        refusals.error = None
        await wait_all(jobs, refs)
        await assert_each_once(jobs, [first, *refs, *later])


async def test_data_that_is_refused_fails_its_job_alone(jobs: Jobs, refusals: Refusals) -> None:
    @jobs.command
    async def work(request: int) -> str:
        return "bad" if request in (3, 150) else "good"

    async with jobs.start():
        refusals.refuses = lambda outcome: outcome.response_body == '"bad"'
        refusals.error = DataRefused("invalid byte sequence")
        done = await wait_all(jobs, await jobs.enqueue_many(work, range(200)))
    failed = [index for index, job in enumerate(done) if job.state is JobState.FAILED]
    assert failed == [3, 150]
    assert (done[3].error_code, done[3].error) == (
        "unstorable",
        "the outcome of this job could not be stored: invalid byte sequence",
    )
    assert {job.state for index, job in enumerate(done) if index not in failed} == {JobState.COMPLETED}


@pytest.mark.once
async def test_minutes_of_refusals_do_not_wear_the_node_out(
    jobs: Jobs, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try was a call inside the one before: after a thousand of them the node died of recursion."""

    @jobs.command
    async def work() -> str:
        return "kept"

    sleep = asyncio.sleep
    async with jobs.start():
        monkeypatch.setattr("anyio.sleep", lambda seconds: sleep(0))  # a pause is over at once
        refusals.error = DataRefused("and it goes on")  # even what would be about data, if it were about one job
        ref = await jobs.enqueue(work)
        monkeypatch.setattr(finisher, "LONGEST_PAUSE_SECONDS", 0.0)
        await eventually(lambda: refusals.statements > 1500, "so many tries")
        refusals.error = None
        ended = await jobs.wait(ref, timeout=20)
    assert ended.error_code == "unstorable"


async def test_the_database_s_own_refusal_of_data_is_known_as_such(jobs: Jobs, target: Target) -> None:
    """A value that its column cannot hold, by way of a handler that writes into its context."""

    @jobs.command(retry_limit=0)
    async def bad(request: None, job: Any) -> str:
        job.progress_value = "no number"
        return "done"

    @jobs.command
    async def good() -> str:
        return "well"

    async with jobs.start():
        refs = [await jobs.enqueue(bad), *[await jobs.enqueue(good) for _ in range(5)]]
        done = await wait_all(jobs, refs[1:])
        assert {job.response for job in done} == {"well"}
        ended = await jobs.wait(refs[0], timeout=20)
    if ended.state is not JobState.COMPLETED:  # MariaDB's JSON_TABLE makes a NULL of it
        assert (ended.state, ended.error_code) == (JobState.FAILED, "unstorable")
    else:
        assert target.dialect == "mysql"
