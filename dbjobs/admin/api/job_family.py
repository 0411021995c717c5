"""The family of a job: who enqueued it, what it enqueued, what it waits for and what waits for it."""

from __future__ import annotations

import msgspec

from dbjobs.admin.api.job_looking import OneJob, find_job
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.commands.options import MAX_ID
from dbjobs.models import BatchProgress, Job, JobState
from dbjobs.store import repository

OPERATIONS = Operations("jobs")
# How many jobs of a family we read, and how many ids after a job we search for its children.
MOST_RELATIVES, FAMILY_IDS = 2_000, 10_000
# How far up and down we follow a family.
DEEPEST = 50


class Relative(msgspec.Struct, frozen=True, kw_only=True):
    """A job of a family.

    Attributes:
        step: from the job: -1 it waits for this one, 1 this one waits for it; -2, 2 and so on beyond them.
    """

    id: int
    id_text: str
    command: str
    state: JobState
    step: int


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is related to other jobs.

    Attributes:
        enqueued_by: the job whose handler enqueued it, or the job it replays.
        children: jobs that it enqueued, among the next 10,000 ids.
        graph: jobs that it waits for, and jobs that wait for it, directly or not.
        cut: there are more than listed here.
        batch: the counts of its batch.
    """

    id: int
    id_text: str
    enqueued_by: Relative | None
    children: list[Relative]
    graph: list[Relative]
    cut: bool
    batch: BatchProgress | None


@OPERATIONS.get("/job/family")
async def get_job_family(call: Call, asked: OneJob) -> Family:
    """How a job is related to other jobs: parents, children, batch, and its graph."""
    return await family_of(call, await find_job(call, asked))


async def family_of(call: Call, job: Job) -> Family:
    """The same for a job already read: a handful of bounded statements."""
    near = await repository.list_family(
        call.db, job.id, from_id=job.id + 1, before_id=min(job.id + FAMILY_IDS, MAX_ID), most=MOST_RELATIVES
    )
    steps: dict[int, int] = {job.id: 0}
    below: list[Relative] = []
    for one in near:  # parents come before their children
        above = [steps[parent] for parent in one.depends_on if parent in steps]
        if above:
            steps[one.id] = max(above) + 1
            below.append(_relative(one.id, one.command, one.state, steps[one.id]))
    children = [_relative(one.id, one.command, one.state, 1) for one in near if one.parent_id == job.id]
    ancestors, cut = await _ancestors(call, job)
    parent = None
    if job.parent_id is not None:
        found = await call.jobs.get(job.parent_id)
        parent = None if found is None else _relative(found.id, found.command, found.state, -1)
    return Family(
        id=job.id,
        id_text=str(job.id),
        enqueued_by=parent,
        children=children,
        graph=[*ancestors, *below],
        cut=cut or len(near) == MOST_RELATIVES,
        batch=None if job.batch_id is None else await call.jobs.batch(job.batch_id),
    )


async def _ancestors(call: Call, job: Job) -> tuple[list[Relative], bool]:
    """The jobs that it waits or waited for, their parents, and so on."""
    found: dict[int, Relative] = {}
    wanted, step = set(job.depends_on), -1
    while wanted and step >= -DEEPEST and len(found) < MOST_RELATIVES // 2:
        asked = sorted(wanted)[: MOST_RELATIVES // 2 - len(found)]
        level = await call.jobs._client.get_many(asked)
        for one in level.values():
            found[one.id] = _relative(one.id, one.command, one.state, step)
        cut = len(asked) < len(wanted)
        wanted = {parent for one in level.values() for parent in one.depends_on} - found.keys()
        step -= 1
        if cut:
            break
    return sorted(found.values(), key=lambda one: (one.step, one.id)), bool(wanted)


def _relative(id: int, command: str, state: JobState, step: int) -> Relative:
    return Relative(id=id, id_text=str(id), command=command, state=state, step=step)
