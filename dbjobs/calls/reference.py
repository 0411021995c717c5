"""How a job is named in a call."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from dbjobs.commands import options as job_options
from dbjobs.errors import InvalidOption
from dbjobs.models import Job, JobRef, JobSummary

Reference = JobRef[Any] | int


def id_of(job: Reference) -> int:
    """The id.

    Raises:
        InvalidOption: it names no job.
    """
    if isinstance(job, JobRef):
        return job.id
    if isinstance(job, bool) or not isinstance(job, int):
        raise InvalidOption(f"a job is named by its JobRef or its id, not by {_instead_of(job)}")
    if not -job_options.MAX_ID <= job <= job_options.MAX_ID:
        raise InvalidOption(f"{job} is not the id of a job: ids go up to {job_options.MAX_ID}")
    return job


def several(jobs: Any, where: str) -> list[Any]:
    """Jobs that are named in a list, or whole ones.

    Raises:
        InvalidOption: it is no list: one job, a text.
    """
    if isinstance(jobs, str | bytes | Mapping) or not isinstance(jobs, Iterable):
        raise InvalidOption(f"{where} takes a list of jobs, not a {type(jobs).__name__}: write [job]")
    return list(jobs)


def _instead_of(job: Any) -> str:
    """What was given, and what to write in place of it."""
    if isinstance(job, Job | JobSummary):
        return f"a {type(job).__name__}: write job.id"
    if isinstance(job, str):
        return f"{job!r}: a ref_id is looked up with get_by_ref_id(ref_id)"
    if inspect.isawaitable(job):
        return "a call that was not awaited: write ref = await jobs.enqueue(...), and give the ref"
    return f"a {type(job).__name__}"
