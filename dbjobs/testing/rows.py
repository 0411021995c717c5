"""A job that no database has stored, in the forms in which others expect it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dbjobs.commands import codec
from dbjobs.models import Job, JobState
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.records import Claimed, NewJob
from dbjobs.store.repository.rows import json_of


def stored_job(id: int, job: NewJob, parents: tuple[int, ...]) -> Job:
    """A job as ``jobs.get`` tells it, from the row of its enqueue.

    Args:
        parents: ids of the jobs that it depends on.
    """
    now = datetime.now(UTC)
    after = job.run_after if job.delay_seconds is None else now + timedelta(seconds=job.delay_seconds)
    expires = None if job.expires_seconds is None else now + timedelta(seconds=job.expires_seconds)
    taken: Mapping[str, Any] = {
        name: getattr(job, name)
        for name in (
            "ref_id", "parent_id", "worker", "queue", "priority", "tag", "batch_id", "callback", "created_by",
            "user_id", "request_type", "command", "retry_limit", "timeout_seconds", "reply_to",
        )
    }  # fmt: skip
    return Job(
        **{**taken, "reply_to": mask_reply_to(job.reply_to)},
        id=id,
        depends_on=parents,
        run_after=after,
        expires_at=expires,
        created_at=now,
        request_name=job.request,
        request=json_of(job.request_body),
        response=None,
        state=JobState.QUEUED,
        started_at=None,
        completed_at=None,
        attempt=0,
        duration_ms=None,
        progress=None,
        status=None,
        error_code=None,
        error=None,
        errors=(),
        args=json_of(job.args) or {},
        meta=json_of(job.meta) or {},
        cancel_requested_at=None,
        node_id=None,
    )


def claimed_job(stored: Job, row: NewJob) -> Claimed:
    """The same as a node claims it."""
    given: Mapping[str, Any] = {
        field: getattr(row, field) for field in Claimed.__struct_fields__ if field in NewJob.__struct_fields__
    }
    given = {**given, "depends_on": codec.dumps(stored.depends_on) if stored.depends_on else None}
    return Claimed(
        **given,
        id=stored.id,
        attempt=1,
        attempt_base=0,
        response_body=None,
        executed_at=None,
        created_at=stored.created_at,
        has_dependents=False,
    )
