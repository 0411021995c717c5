"""Any text comes back as it was given, whatever the database's own character set is."""

from __future__ import annotations

import pytest

from dbjobs import Backoff, JobContext, Jobs, JobState
from tests.conformance.raw import Raw

TEXT = "zażółć gęślą jaźń, 日本語, 🐢 and 'quotes' \\ %s :name ?\n\t\"\\n\", \\u0041, \x1b[1m \x01\\\x01"
LONG = (TEXT * 200)[:10_000]  # as long as a line of a job's log may be
SHORT = "żółw-🐢"


@pytest.fixture(params=["usual", "other"])
async def jobs(request: pytest.FixtureRequest, jobs: Jobs, raw: Raw) -> Jobs:
    """On a database as it is made by default, and on one of another character set where that is a choice to make."""
    if request.param == "other":
        if raw.dialect != "mysql":
            pytest.skip("there is one character set only")
        await raw.rows("ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_swedish_ci")
    return jobs


async def test_it_survives_a_job_s_whole_life(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def echo(request: str, job: JobContext) -> str:
        job.log(request)
        job.log(LONG)
        job.progress(0.5, request)
        if job.attempt == 1:
            raise ValueError(request)
        return request

    async with jobs.start():
        ref = await jobs.enqueue(
            echo, TEXT, ref_id=SHORT, tag=SHORT, worker=SHORT, queue=SHORT, batch_id=SHORT, args={SHORT: TEXT},
            meta={SHORT: TEXT}, user_id=SHORT, created_by=SHORT,
        )  # fmt: skip
        done = await jobs.wait(ref, timeout=10)
        assert (done.state, done.attempt) == (JobState.COMPLETED, 2)
        assert (done.request, done.response) == (TEXT, TEXT)
        assert (done.ref_id, done.tag, done.worker, done.queue, done.batch_id) == (SHORT,) * 5
        assert (done.user_id, done.created_by, done.args, done.meta) == (SHORT, SHORT, {SHORT: TEXT}, {SHORT: TEXT})
        assert [error.message for error in done.errors] == [f"ValueError: {TEXT}"]
        assert (await jobs.get_by_ref_id(SHORT)) is not None
        assert {line.message for line in await jobs.logs(ref)} == {TEXT, LONG}
        progress = await jobs.batch(SHORT)
        assert progress is not None
        assert progress.completed == 1
        assert [row.id for row in await jobs.list(queue=SHORT, worker=SHORT, tag=SHORT)] == [ref.id]


async def test_it_survives_a_failure(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def fail(request: str, job: JobContext) -> None:
        job.progress(0.5, request)
        raise ValueError(request)

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(fail, TEXT), timeout=10)
    assert (done.state, done.status) == (JobState.FAILED, TEXT)
    assert done.error is not None
    assert TEXT in done.error


async def test_texts_that_differ_in_case_or_accents_alone_are_different(jobs: Jobs, raw: Raw) -> None:
    """Collations of some databases think otherwise."""

    @jobs.command
    async def echo(request: str) -> str:
        return request

    names = ["order", "Order", "örder", "order "]
    if raw.dialect == "sqlserver":
        names.remove("order ")  # T-SQL compares without trailing blanks, whatever the collation
    async with jobs.start():
        refs = [await jobs.enqueue(echo, name, ref_id=name, worker=name, queue=name, batch_id=name) for name in names]
        assert [ref.created for ref in refs] == [True] * len(names)
        assert [(await jobs.wait(ref, timeout=10)).response for ref in refs] == names
        for name, ref in zip(names, refs, strict=True):
            assert [row.id for row in await jobs.list(queue=name)] == [ref.id]
            found = await jobs.get_by_ref_id(name)
            assert found is not None
            assert found.id == ref.id
            progress = await jobs.batch(name)
            assert progress is not None
            assert progress.total == 1
