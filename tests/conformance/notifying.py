"""A command whose ends are told, and how its deliveries went."""

from __future__ import annotations

from typing import Any

from dbjobs import Backoff, Cancel, Job, JobContext, JobRef, Jobs
from dbjobs.webhooks import HttpNotifier
from tests.receiver import Received

SOON = Backoff(first_seconds=0.01, factor=1, jitter=0)


async def work(request: str, job: JobContext) -> str:
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no need")
    return f"{request} {job.reply_to}"


def register(jobs: Jobs, **options: Any) -> None:
    jobs.command(retry_limit=0)(work)
    jobs.notifier(HttpNotifier(allow_private=True, timeout=20), retry=SOON, **options)


async def delivery_of(jobs: Jobs, ref: JobRef) -> Job:
    """The delivery of a job as it ended."""
    found = await jobs.get_by_ref_id(f"notify:{ref.id}")
    assert found is not None, f"job {ref.id} has no delivery"
    return await jobs.wait(found.id, timeout=20)


def by_id(received: list[Received]) -> dict[int, str]:
    return {request.data["id"]: request.data["state"] for request in received}
