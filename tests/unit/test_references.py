"""Every call that takes a job takes a JobRef or its id, and refuses everything else in the same words."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbjobs import InvalidOption, JobRef, Jobs
from dbjobs.bulk import BulkActions
from dbjobs.client.sync import SyncJobs
from dbjobs.testing import inline
from dbjobs.testing.inline import Inline

CALLS: dict[str, Callable[[Jobs, Any], Any]] = {
    "Jobs.get": lambda jobs, job: jobs.get(job),
    "Jobs.wait": lambda jobs, job: jobs.wait(job, timeout=0),
    "Jobs.cancel": lambda jobs, job: jobs.cancel(job),
    "Jobs.requeue": lambda jobs, job: jobs.requeue(job),
    "Jobs.replay": lambda jobs, job: jobs.replay(job),
    "Jobs.explain": lambda jobs, job: jobs.explain(job),
    "Jobs.logs": lambda jobs, job: jobs.logs(job),
    "Jobs.estimates": lambda jobs, job: jobs.estimates([job]),
    "BulkActions.get": lambda jobs, job: jobs.bulk.get(job),
    "BulkActions.stop": lambda jobs, job: jobs.bulk.stop(job),
    "BulkActions.undo": lambda jobs, job: jobs.bulk.undo(job),
    "BulkActions.preview_undo": lambda jobs, job: jobs.bulk.preview_undo(job),
    "SyncJobs.get": lambda jobs, job: asyncio.to_thread(jobs.sync.get, job),
    "SyncJobs.wait": lambda jobs, job: asyncio.to_thread(jobs.sync.wait, job, timeout=0),
    "SyncJobs.cancel": lambda jobs, job: asyncio.to_thread(jobs.sync.cancel, job),
    "enqueue(depends_on=)": lambda jobs, job: jobs.enqueue("work", depends_on=job),
    "enqueue(depends_on=[])": lambda jobs, job: jobs.enqueue("work", depends_on=[job]),
}
NO_JOBS: list[Any] = [True, 1.5, None, b"7", [1], (), {"id": 7}, object(), 2**64, -(2**64)]
# A text is a ref_id there; depends_on takes several jobs, or none.
TEXTS = ("Jobs.explain", "enqueue(depends_on=)", "enqueue(depends_on=[])")
SEVERAL = (None, [1], ())


def application(path: Path) -> Jobs:
    jobs = Jobs(f"sqlite:///{path}/jobs.db")
    jobs.declare("work")
    return jobs


def test_no_call_that_takes_a_job_is_left_out() -> None:
    found = {
        f"{kind.__name__}.{name}"
        for kind in (Jobs, BulkActions, SyncJobs)
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
        and any("Reference" in str(one.annotation) for one in inspect.signature(function).parameters.values())
    }
    assert found == {name for name in CALLS if "(" not in name}


@pytest.mark.parametrize("name", CALLS)
async def test_what_names_no_job_is_refused(name: str, tmp_path: Path) -> None:
    jobs = application(tmp_path)  # never opened, but by jobs.sync: nothing is asked
    wrong = NO_JOBS if name in TEXTS else [*NO_JOBS, "7"]
    for what in wrong:
        if name == "enqueue(depends_on=)" and what in SEVERAL:
            continue
        with pytest.raises(InvalidOption, match=r"a job is named by|is not the id of a job|must name jobs|a JobRef"):
            await CALLS[name](jobs, what)
    await asyncio.to_thread(jobs.sync.close)


@pytest.mark.parametrize("name", CALLS)
async def test_a_reference_and_its_id_are_the_same(name: str, tmp_path: Path) -> None:
    async def outcome(job: Any) -> type:
        try:
            return type(await CALLS[name](jobs, job))
        except Exception as error:
            return type(error)

    async with application(tmp_path) as jobs:
        one, other = await jobs.enqueue("work"), await jobs.enqueue("work")
        outcomes = [await outcome(one), await outcome(other.id)]
        assert outcomes[0] == outcomes[1]
        assert outcomes[0] is not InvalidOption or name == "Jobs.replay"  # which has not ended
    await asyncio.to_thread(jobs.sync.close)


@pytest.mark.parametrize("wrong", [5, "7", b"7", None, {"id": 7}, JobRef(7)])
async def test_estimates_take_several_jobs(wrong: Any) -> None:
    with pytest.raises(InvalidOption, match=r"estimates takes a list of jobs, not a \w+: write \[job\]"):
        await Jobs("sqlite:///never-opened.db").estimates(wrong)


async def test_lines_of_an_inline_job_are_asked_for_in_the_same_way() -> None:
    assert "Reference" in str(inspect.signature(Inline.logs).parameters["job"].annotation)
    jobs = Jobs("sqlite:///never-opened.db")

    @jobs.command
    async def work() -> None: ...

    async with inline(jobs) as ran:
        ref = await jobs.enqueue(work)
        for job in (ref, ref.id, ran.jobs[0]):
            assert ran.logs(job) == []
        with pytest.raises(InvalidOption, match="a job is named by its JobRef or its id"):
            ran.logs("7")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [True, "7", 1.5, None, -1])
async def test_a_node_is_named_by_its_id(wrong: Any) -> None:
    jobs = Jobs("sqlite:///never-opened.db")
    for call, name in ((jobs.workers.drain, "drain"), (jobs.workers.undrain, "undrain")):
        with pytest.raises(InvalidOption, match=f"workers.{name}: node_id="):
            await call(wrong)


@pytest.mark.parametrize("wrong", [5, None, "", "7", True])
async def test_a_logged_request_is_named_by_its_id(wrong: Any) -> None:
    with pytest.raises(InvalidOption, match="is not the id of a request"):
        await Jobs("sqlite:///never-opened.db").requests.get(wrong)
