"""Queues: what waits in them, and their settings."""

from __future__ import annotations

import msgspec

from dbjobs.admin.call import Call
from dbjobs.admin.operations import Done, Nothing, Operations

OPERATIONS = Operations("queues")
# Jobs that are counted in each queue and state.
BOUND = 10_000


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue.

    Attributes:
        concurrency: jobs that run at a time on each node; None: no limit of its own.
        counts: live jobs by state, each counted up to ``bound``.
    """

    name: str
    paused: bool
    concurrency: int | None
    counts: dict[str, int]


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """All queues."""

    queues: list[Queue]
    bound: int = BOUND


class OneQueue(msgspec.Struct, frozen=True):
    """Input that names a queue."""

    queue: str


@OPERATIONS.get("/queues")
async def list_queues(call: Call, asked: Nothing) -> QueueList:
    """All queues that were ever used, with their settings and live jobs."""
    counts: dict[str, dict[str, int]] = {}
    for (queue, state), count in (await call.jobs.counts(bound=BOUND)).items():
        counts.setdefault(queue, {})[state] = count
    return QueueList(
        queues=[
            Queue(name=info.queue, paused=info.paused, concurrency=info.concurrency, counts=counts.get(info.queue, {}))
            for info in await call.jobs.queues.list()
        ]
    )


@OPERATIONS.post("/queues/pause", verb="admin")
async def pause_queue(call: Call, asked: OneQueue) -> Done:
    """Start nothing more from this queue; what runs goes on."""
    call.target = f"queue {asked.queue}"
    await call.jobs.queues.pause(asked.queue)
    return Done(message=f"{asked.queue} is paused")


@OPERATIONS.post("/queues/resume", verb="admin")
async def resume_queue(call: Call, asked: OneQueue) -> Done:
    """Start jobs from this queue again."""
    call.target = f"queue {asked.queue}"
    await call.jobs.queues.resume(asked.queue)
    return Done(message=f"{asked.queue} goes on")
