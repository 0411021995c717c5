"""Actions on jobs: cancel, requeue, replay, edit, reveal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dbjobs.admin.api.job_finding import forget_counts
from dbjobs.admin.api.job_looking import JobView, OneJob, find_job, view_of
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.commands.options import MAX_ID
from dbjobs.errors import InvalidOption
from dbjobs.models import Job, JobState, LiveFilter
from dbjobs.wording import counted

OPERATIONS = Operations("jobs")
MOST_JOBS = 1_000


class SomeJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, by id or ref_id; up to 1,000."""

    ids: list[int] = []
    ref_ids: list[str] = []


class Cancelling(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs to cancel: named ones, or all live ones in a state, of a worker, or both.

    Attributes:
        ids, ref_ids: up to 1,000.
        reason: stored as the error text of those that had not started.
    """

    ids: list[int] = []
    ref_ids: list[str] = []
    state: str | None = None
    worker: str | None = None
    reason: str = "cancelled on the admin page"


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The results, job by job.

    Attributes:
        count: jobs that were reached.
        results: their ids; empty if the call described the jobs instead of naming them.
        errors: why the others were not, by id or ref_id.
    """

    message: str
    count: int
    results: list[int]
    errors: dict[str, str]


class Replaying(msgspec.Struct, frozen=True, kw_only=True):
    """An ended job, by its id."""

    id: int


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The new job.

    Attributes:
        replay_of: the job that it runs once more.
    """

    message: str
    id: int
    id_text: str
    replay_of: int


async def _named(call: Call, ids: Sequence[int], ref_ids: Sequence[str]) -> tuple[dict[int, Job], dict[str, str]]:
    """The jobs that were found, and for each of the others what is wrong."""
    if len(ids) + len(ref_ids) > MOST_JOBS:
        raise InvalidOption(f"no more than {MOST_JOBS:,} at once; there are bulk actions for more jobs")
    if not ids and not ref_ids:
        raise InvalidOption("no job is named: give ids or ref_ids")
    errors: dict[str, str] = {}
    wanted = {id: str(id) for id in ids if abs(id) <= MAX_ID}
    for ref_id in ref_ids:
        found = await call.jobs._client.find_ref(ref_id)
        if found is None:
            errors[ref_id] = "there is no such job"
        else:
            wanted[found] = ref_id
    jobs = await call.jobs._client.get_many(wanted)
    errors |= {str(id): "there is no such job" for id in ids if id not in jobs}
    errors |= {name: "there is no such job" for id, name in wanted.items() if id not in jobs}
    return jobs, errors


def _target(ids: Sequence[int], ref_ids: Sequence[str]) -> str:
    names = [str(id) for id in ids] + list(ref_ids)
    return f"job {names[0]}" if len(names) == 1 else f"jobs {', '.join(names)}"


def _results(done: Sequence[int], errors: dict[str, str], verb: str) -> Results:
    message = f"{counted(len(done), 'job')} {verb}"
    if len(done) == 1 and not errors:
        message = f"job {done[0]} {verb}"
    if errors:
        name, why = next(iter(errors.items()))
        message += f"; job {name}: {why}" if len(errors) == 1 else f"; {len(errors)} not, such as job {name}: {why}"
    return Results(message=message, count=len(done), results=list(done), errors=errors)


@OPERATIONS.post("/jobs/cancel")
async def cancel_jobs(call: Call, asked: Cancelling) -> Results:
    """Cancel jobs, with those that depend on them; a running one is asked to stop and ends a moment later."""
    if asked.state is not None or asked.worker is not None:
        if asked.ids or asked.ref_ids:
            raise InvalidOption("name the jobs, or say which by state and worker, not both")
        forget_counts(call)
        where: LiveFilter = {"state": asked.state, "worker": asked.worker}
        call.target = ", ".join(f"{name} {value}" for name, value in where.items() if value is not None)
        count = await call.jobs.cancel_many(reason=asked.reason, **where)
        return Results(message=f"{counted(count, 'job')} cancelled", count=count, results=[], errors={})
    call.target = _target(asked.ids, asked.ref_ids)
    forget_counts(call)
    jobs, errors = await _named(call, asked.ids, asked.ref_ids)
    live = [job.id for job in jobs.values() if not job.finished]
    errors |= {str(job.id): f"it has ended before ({job.state})" for job in jobs.values() if job.finished}
    await call.jobs._client.cancel(live, asked.reason)
    return _results(live, errors, "cancelled")


@OPERATIONS.post("/jobs/requeue")
async def requeue_jobs(call: Call, asked: SomeJobs) -> Results:
    """Run failed or cancelled jobs again, under their own ids, with a fresh set of tries."""
    call.target = _target(asked.ids, asked.ref_ids)
    forget_counts(call)
    jobs, errors = await _named(call, asked.ids, asked.ref_ids)
    ended = {job.id for job in jobs.values() if job.state in (JobState.FAILED, JobState.CANCELLED)}
    errors |= {
        str(job.id): f"it is {job.state}: only a failed or cancelled job can be requeued"
        for job in jobs.values()
        if job.id not in ended
    }
    done: list[int] = []
    if ended and await call.jobs._client.requeue(sorted(ended)) == len(ended):
        done = sorted(ended)
    elif ended:  # another visitor was faster with some of them
        after = await call.jobs._client.get_many(ended)
        done = sorted(id for id, job in after.items() if not job.finished)
    return _results(done, errors, "queued again")


@OPERATIONS.post("/job/replay")
async def replay_job(call: Call, asked: Replaying) -> Replayed:
    """Run an ended job once more, as a new job; the old one stays as it is."""
    call.target = f"job {asked.id}"
    job = await find_job(call, OneJob(id=asked.id))
    declare(call, job)
    ref = await call.jobs.replay(job.id)
    return Replayed(
        message=f"job {ref.id} runs job {job.id} once more", id=ref.id, id_text=str(ref.id), replay_of=job.id
    )


def declare(call: Call, job: Job) -> None:
    """Make a command that only other processes know enqueueable here, too."""
    known = {*call.jobs.stored_commands}
    for name in (job.command, job.callback):
        if name is not None and name not in known:
            call.jobs.declare(name)


@OPERATIONS.post("/job/reveal", verb="reveal")
async def reveal_job(call: Call, asked: OneJob) -> JobView:
    """A job with all its hidden values. The audit records who asked."""
    job = await find_job(call, asked)
    call.target = f"job {job.id}"
    view: Any = view_of(call, job, revealed=True)
    if call.request.url.path.endswith("/act/reveal_job"):
        return await call.render("job_revealed.html", title=f"Job {job.id}", job=view)  # type: ignore[return-value]
    return view  # type: ignore[no-any-return]
