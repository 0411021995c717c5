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
# How far we count jobs in each state.
BOUND = 10_000
# Queues in one answer, and minutes in their sparklines.
PAGE = 100
MINUTES = 60

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue.

    Attributes:
        concurrency: jobs that may run at a time on each node; None: no limit of its own.
        counts: live jobs by state, each state counted up to ``bound`` over all queues.
        ended, failed: jobs that ended in the last hour, and how many of them failed.
        minutes: jobs that ended in each minute of an hour; the last one is now.
        rate: jobs a minute that ended in the last ten full minutes.
        next_waits_seconds: how long the next job has been ready; None: none waits.
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
        after: pass it to the next call for the queues after these; None: these were the last.
        total: all queues in the list.
    """

    queues: list[Queue]
    after: str | None
    total: int
    bound: int = BOUND


class AskQueues(msgspec.Struct, frozen=True, kw_only=True):
    """Which queues: those after a name, with a text in their name."""

    after: Annotated[str, Meta(max_length=255)] = ""
    name: Annotated[str, Meta(max_length=255)] = ""


class OneQueue(msgspec.Struct, frozen=True):
    """Input that names a queue."""

    queue: Name


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Input that limits a queue.

    Attributes:
        concurrency: how many of its jobs may run at a time on each node; leave it out to remove the limit.
    """

    queue: Name
    concurrency: Annotated[int, Meta(ge=1, le=100_000)] | None = None


@OPERATIONS.get("/queues")
async def list_queues(call: Call, asked: AskQueues) -> QueueList:
    """Queues in use or with settings: their settings, live jobs, rates, and next jobs."""
    # In our own order, because a page names where the next one begins: a database may sort otherwise (a, B, c).
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
    """Start nothing more from this queue; running jobs go on."""
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
    """Limit how many jobs of this queue run at a time on each node, or remove the limit."""
    call.target = f"queue {asked.queue}"
    await call.jobs.queues.limit(asked.queue, asked.concurrency)
    if asked.concurrency is None:
        return Done(message=f"{asked.queue} has no limit")
    return Done(message=f"{asked.queue} runs {asked.concurrency} at a time on each node")


def per_minute(stats: Iterable[MinuteStat], now: datetime) -> list[int]:
    """Jobs that ended, minute by minute over an hour, oldest first."""
    minutes = [0] * MINUTES
    last = now.replace(second=0, microsecond=0)
    for stat in stats:
        back = (last - stat.minute) // timedelta(minutes=1)
        if 0 <= back < MINUTES:
            minutes[MINUTES - 1 - back] += stat.completed + stat.failed + stat.cancelled
    return minutes
