"""The body of a notice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dbjobs.models import Job, JobState


def payload_of(job: Job[Any]) -> dict[str, Any]:
    """What a receiver is told of a job that has ended: the shape is part of the documentation, fields are only added.

    Numbers above 2**53 are mangled by many JSON parsers, so the id comes as text, too. Times are UTC.
    """
    return {
        "type": f"job.{job.state}",
        "timestamp": _moment(job.completed_at),
        "data": {
            "id": job.id,
            "id_text": str(job.id),
            "ref_id": job.ref_id,
            "parent_id": job.parent_id,
            "command": job.command,
            "state": str(job.state),
            "queue": job.queue,
            "worker": job.worker,
            "tag": job.tag,
            "batch_id": job.batch_id,
            "user_id": job.user_id,
            "created_by": job.created_by,
            "attempt": job.attempt,
            "created_at": _moment(job.created_at),
            "started_at": _moment(job.started_at),
            "completed_at": _moment(job.completed_at),
            "duration_ms": job.duration_ms,
            "response": job.response,
            "error": None if job.state is JobState.COMPLETED else {"code": job.error_code, "message": job.error},
            "args": job.args,
        },
    }


def _moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
