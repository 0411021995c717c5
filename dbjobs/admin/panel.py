"""The panel of one job, which every page can show (``?job=`` in its URL), and the page of the job."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from dbjobs.admin import waterfall
from dbjobs.admin.api.job_family import Family, Relative, family_of
from dbjobs.admin.api.job_looking import OneJob, find_job, progress_of, view_of
from dbjobs.admin.call import Call, NotFound
from dbjobs.admin.paths import path_of
from dbjobs.models import Job

# Jobs of one command in one step of a graph that we list one by one.
NAMED = 8


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of one command in one step of a graph.

    Attributes:
        named: some of them.
        states: how many are in each state.
    """

    command: str
    count: int
    states: dict[str, int]
    named: list[Relative]


async def panel(call: Call) -> dict[str, Any] | None:
    """What ``panel.html`` shows of the job that the URL names."""
    return await about(call, call.query("job"))


async def about(call: Call, reference: str) -> dict[str, Any]:
    """What we show of a job; ``job`` is None if there is no such job.

    Args:
        reference: its id, or ``ref:`` and its ref_id.
    """
    job = await _found(call, reference)
    if job is None:
        return {"reference": reference, "job": None}
    view = view_of(call, job)
    progress = await progress_of(call, job)
    family = await family_of(call, job)
    return {
        "reference": reference,
        "job": view,
        "progress": progress,
        "family": family,
        "steps": steps_of(family),
        "children": groups_of(family.children),
        "why": None if job.finished else await call.jobs.explain(job.id),
        "bars": waterfall.bars(view, progress.logs),
        "width": waterfall.WIDTH,
        "row": waterfall.ROW,
        "back": f"..{path_of(call.request)}{call.here()}",
        "may_requeue": job.state in ("failed", "cancelled"),
        "may_edit": job.request_type == "command" and job.state not in ("started", "executed"),
    }


async def _found(call: Call, reference: str) -> Job | None:
    try:
        if reference.startswith("ref:"):
            return await find_job(call, OneJob(ref_id=reference[4:]))
        if reference.isascii() and reference.isdigit() and len(reference) < 20:
            return await find_job(call, OneJob(id=int(reference)))
    except NotFound:
        pass
    return None


def steps_of(family: Family) -> list[tuple[int, list[Group]]]:
    """The graph as steps, first step first, each grouped by command: it stays legible at a thousand jobs."""
    steps: dict[int, list[Relative]] = {}
    for one in family.graph:
        steps.setdefault(one.step, []).append(one)
    return [(step, groups_of(steps[step])) for step in sorted(steps)]


def groups_of(relatives: list[Relative]) -> list[Group]:
    """Jobs by command, most frequent first."""
    by_command: dict[str, list[Relative]] = {}
    for one in relatives:
        by_command.setdefault(one.command, []).append(one)
    groups = [
        Group(
            command=command,
            count=len(jobs),
            states=dict(Counter(one.state.value for one in jobs)),
            named=sorted(jobs, key=lambda one: (one.state.value != "failed", one.id))[:NAMED],
        )
        for command, jobs in by_command.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.command))
