"""Queues: what waits in them, how fast they empty, and their settings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call
from dbjobs.admin.operations import Done, Operations
from dbjobs.models import MinuteStat
from dbjobs.store import repository

OPERATIONS = Operations("queues")
# Jobs that are counted in each state.
BOUND = 10_000
# Queues of one answer, and minutes of their sparklines.
PAGE = 100
MINUTES = 60

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue.

    Attributes:
        concurrency: jobs that run at a time on each node; None: no limit of its own.
        counts: live jobs by state, each state counted up to ``bound`` over all queues.
        ended, failed: jobs that have ended in the last hour, and those of them that failed.
        minutes: jobs that have ended, minute by minute, the last one now: an hour.
        rate: jobs a minute that ended in the last ten full minutes.
        next_waits_seconds: for how long the job that comes next could have run; None: none waits.
        next_job, next_job_text: its id.
    """

    name: str
    paused: bool
    concurrency: int | None
    counts: dict[str, int]
    ended: int
    failed: int
    minutes: list[int]
    rate: float
    next_waits_seconds: float | None
    next_job: int | None
    next_job_text: str | None


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """Queues, by name.

    Attributes:
        after: hand it to the next call for the queues after these; None: these were the last.
        total: all queues that are listed.
    """

    queues: list[Queue]
    after: str | None
    total: int
    bound: int = BOUND


class AskQueues(msgspec.Struct, frozen=True, kw_only=True):
    """Which queues: those after a name, whose name has a text in it."""

    after: Annotated[str, Meta(max_length=255)] = ""
    name: Annotated[str, Meta(max_length=255)] = ""


class OneQueue(msgspec.Struct, frozen=True):
    """Input that names a queue."""

    queue: Name


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Input that limits a queue.

    Attributes:
        concurrency: jobs of it that run at a time on each node; nothing takes the limit away.
    """

    queue: Name
    concurrency: Annotated[int, Meta(ge=1, le=100_000)] | None = None


@OPERATIONS.get("/queues")
async def list_queues(call: Call, asked: AskQueues) -> QueueList:
    """Queues in use, and those with settings, with their settings, live jobs, rates, and who comes next."""
    # In our own order, by which a page says where the next one begins: a database may have another one (a, B, c).
    known = sorted(await call.jobs.queues.list(), key=lambda info: info.queue)
    wanted = asked.name.lower()
    later = [info for info in known if info.queue > asked.after and wanted in info.queue.lower()]
    page = later[:PAGE]
    counts: dict[str, dict[str, int]] = {}
    for (queue, state), count in (await call.jobs.counts(bound=BOUND)).items():
        counts.setdefault(queue, {})[state] = count
    heads = {head.queue: head for head in await repository.find_heads(call.db, [info.queue for info in page], [])}
    now = await repository.database_time(call.db)
    stats: dict[str, list[MinuteStat]] = {}
    for stat in await repository.list_stats(call.db, MINUTES * 60.0):
        stats.setdefault(stat.queue, []).append(stat)
    queues = []
    for info in page:
        head = heads.get(info.queue)
        mine = stats.get(info.queue, [])
        minutes = per_minute(mine, now)
        queues.append(
            Queue(
                name=info.queue, paused=info.paused, concurrency=info.concurrency, counts=counts.get(info.queue, {}),
                ended=sum(minutes), failed=sum(stat.failed for stat in mine), minutes=minutes,
                rate=sum(minutes[-11:-1]) / 10, next_waits_seconds=None if head is None else max(head.age_seconds, 0.0),
                next_job=None if head is None else head.id, next_job_text=None if head is None else str(head.id),
            )
        )  # fmt: skip
    return QueueList(queues=queues, after=page[-1].queue if len(later) > PAGE else None, total=len(known))


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


@OPERATIONS.post("/queues/limit", verb="admin")
async def limit_queue(call: Call, asked: Limit) -> Done:
    """Limit how many jobs of this queue run at a time on each node, or take the limit away."""
    call.target = f"queue {asked.queue}"
    await call.jobs.queues.limit(asked.queue, asked.concurrency)
    if asked.concurrency is None:
        return Done(message=f"{asked.queue} has no limit")
    return Done(message=f"{asked.queue} runs {asked.concurrency} at a time on each node")


def per_minute(stats: Iterable[MinuteStat], now: datetime) -> list[int]:
    """Jobs that have ended, minute by minute over an hour, oldest first."""
    minutes = [0] * MINUTES
    last = now.replace(second=0, microsecond=0)
    for stat in stats:
        back = (last - stat.minute) // timedelta(minutes=1)
        if 0 <= back < MINUTES:
            minutes[MINUTES - 1 - back] += stat.completed + stat.failed + stat.cancelled
    return minutes
