"""How a job is named in a call."""

from __future__ import annotations

from typing import Any

from dbjobs.commands import options as job_options
from dbjobs.errors import InvalidOption
from dbjobs.models import JobRef

Reference = JobRef[Any] | int


def id_of(job: Reference) -> int:
    """The id.

    Raises:
        InvalidOption: it names no job.
    """
    if isinstance(job, JobRef):
        return job.id
    if isinstance(job, bool) or not isinstance(job, int):
        raise InvalidOption(f"a job is named by a JobRef or its id, not by {job!r} (see get_by_ref_id)")
    if not -job_options.MAX_ID <= job <= job_options.MAX_ID:
        raise InvalidOption(f"{job} is not the id of a job: ids go up to {job_options.MAX_ID}")
    return job
