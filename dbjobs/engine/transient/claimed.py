"""A transient run in the form in which stored jobs are executed."""

from __future__ import annotations

from datetime import UTC, datetime

from dbjobs.store.records import Claimed, NewJob


def claimed_run(row: NewJob, id: int) -> Claimed:
    """A run in the form of a claimed job, with one try.

    Args:
        row: the job as it would be stored.
        id: below zero.
    """
    return Claimed(
        id=id,
        attempt=1,
        attempt_base=0,
        queue=row.queue,
        worker=row.worker,
        priority=row.priority,
        command=row.command,
        request_type=row.request_type,
        request_body=row.request_body,
        response_body=None,
        executed_at=None,
        callback=row.callback,
        retry_limit=0,
        retry=None,
        on_failure="skip",
        timeout_seconds=row.timeout_seconds,
        created_at=datetime.now(UTC),
        ref_id=None,
        parent_id=row.parent_id,
        batch_id=None,
        tag=row.tag,
        user_id=row.user_id,
        created_by=row.created_by,
        reply_to=None,
        args=row.args,
        meta=row.meta,
        trace_context=row.trace_context,
        depends_on=None,
        has_dependents=False,
    )
