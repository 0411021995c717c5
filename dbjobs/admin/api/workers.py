"""Named workers (lanes): what they do, which node holds them, what waits in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from dbjobs.admin.api.bulk import AskStart, Started, start_bulk
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.inspect.language import quoted
from dbjobs.inspect.numbers import BOUND, Counts
from dbjobs.store import repository

OPERATIONS = Operations("workers")
# Workers in one answer, and how far back their counts go.
PAGE = 100
SECONDS = 3600.0

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A named worker.

    Attributes:
        queued: ready jobs that wait for it, counted up to ``bound`` for all workers together.
        node, node_text: the node that holds it now; None: none does.
        node_name: its host and process.
        running, running_text: the job that runs in it now.
        running_since: when that was claimed.
        head, head_text: the next job.
        head_command: its command.
        head_waits_seconds: how long that has been ready.
        blocked_by, blocked_text: the job whose retry it waits for.
        blocked_until: when that is retried.
        counts: attempts of the last hour.
    """

    name: str
    queued: int
    node: int | None
    node_text: str | None
    node_name: str | None
    running: int | None
    running_text: str | None
    running_since: datetime | None
    head: int | None
    head_text: str | None
    head_command: str | None
    head_waits_seconds: float | None
    blocked_by: int | None
    blocked_text: str | None
    blocked_until: datetime | None
    counts: Counts


class LaneList(msgspec.Struct, frozen=True, kw_only=True):
    """Named workers, by name.

    Attributes:
        after: pass it to the next call for the workers after these; None: these were the last.
        total: all that did something in the last hour, or have something to do.
    """

    workers: list[Lane]
    after: str | None
    total: int
    bound: int = BOUND


class AskLanes(msgspec.Struct, frozen=True, kw_only=True):
    """Which workers: those after a name, with a text in their name."""

    after: Annotated[str, Meta(max_length=255)] = ""
    name: Annotated[str, Meta(max_length=255)] = ""


class CancelLane(msgspec.Struct, frozen=True, kw_only=True):
    """Input that cancels all jobs of a worker.

    Attributes:
        rate: jobs a second at most.
        environment: the environment's name, required in production if there are many jobs.
    """

    worker: Name
    rate: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    environment: str | None = None


@OPERATIONS.get("/workers")
async def list_workers(call: Call, asked: AskLanes) -> LaneList:
    """Named workers: what they do now, what waits in them, and what they did in the last hour."""
    stats = await call.jobs.workers.stats(seconds=SECONDS)
    wanted = asked.name.lower()
    later = [one for one in stats.workers if one.worker > asked.after and wanted in one.worker.lower()]
    page = later[:PAGE]
    heads = {head.worker: head for head in await repository.find_heads(call.db, [], [one.worker for one in page])}
    blocking = [one.blocked_by for one in page if one.blocked_by is not None]
    blockers = await repository.get_jobs(call.db, blocking) if blocking else {}
    names = {node.node_id: node.name for node in stats.nodes}
    lanes = []
    for one in page:
        head, blocker = heads.get(one.worker), blockers.get(one.blocked_by or 0)
        lanes.append(
            Lane(
                name=one.worker, queued=one.queued, node=one.node_id, node_text=_text(one.node_id),
                node_name=names.get(one.node_id or 0), running=one.running_job, running_text=_text(one.running_job),
                running_since=one.running_since, head=None if head is None else head.id,
                head_text=None if head is None else str(head.id), head_command=None if head is None else head.command,
                head_waits_seconds=None if head is None else max(head.age_seconds, 0.0), blocked_by=one.blocked_by,
                blocked_text=_text(one.blocked_by), blocked_until=None if blocker is None else blocker.run_after,
                counts=one.together,
            )
        )  # fmt: skip
    return LaneList(workers=lanes, after=page[-1].worker if len(later) > PAGE else None, total=len(stats.workers))


@OPERATIONS.post("/workers/cancel")
async def cancel_worker(call: Call, asked: CancelLane) -> Started:
    """Cancel all jobs of a named worker, the running one included, as a bulk action."""
    return await start_bulk(
        call,
        AskStart(
            action="cancel", q=f"worker:{quoted(asked.worker)}", name=f"cancel worker {asked.worker}"[:200],
            rate=asked.rate, environment=asked.environment,
        ),
    )  # fmt: skip


def _text(id: int | None) -> str | None:
    return None if id is None else str(id)
