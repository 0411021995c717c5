"""What stands around a live job."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from dbjobs.store.repository.rows import Fetcher, maybe_moment_of, moment_of


@dataclass(kw_only=True)
class Surroundings:
    """What the database says about the surroundings of a job; counts stop at the bound that was given.

    Attributes:
        now: the database's clock.
        lane_node: the node that holds the lane.
        blocked_by: the job for whose retry the lane waits.
        lane_job: what that node works on in the lane, and since when.
        lane_head: the first queued job of the lane in front of this one, and how many there are.
        queue_ahead: queued jobs of the same queue in front of this one.
        held, held_of_queue: how many jobs each node holds, and how many of those are of the same queue.
    """

    now: datetime
    lane_node: int | None = None
    blocked_by: int | None = None
    lane_job: int | None = None
    lane_since: datetime | None = None
    lane_head: int | None = None
    lane_ahead: int = 0
    queue_ahead: int = 0
    held: Counter[int] = field(default_factory=Counter)
    held_of_queue: Counter[int] = field(default_factory=Counter)


async def explain_job(
    db: Fetcher, *, id: int, queue: str, priority: int, worker: str | None, bound: int
) -> Surroundings:
    """Look around a live job; nothing is locked."""
    rows = await db.fetch("explain_job", id=id, queue=queue, priority=priority, worker=worker, bound=bound)
    facts = {row[0]: row for row in rows}
    around = Surroundings(now=moment_of(facts["now"][3]))
    if "lane" in facts:
        around.lane_node, around.blocked_by = facts["lane"][1], facts["lane"][2]
    if "lane_runs" in facts:
        around.lane_job, around.lane_since = facts["lane_runs"][2], maybe_moment_of(facts["lane_runs"][3])
    if "lane_head" in facts:
        around.lane_head = facts["lane_head"][2]
    around.lane_ahead, around.queue_ahead = int(facts["lane_ahead"][4]), int(facts["queue_ahead"][4])
    for fact, node_id, _, _, number in rows:
        if fact in ("held_of_queue", "held_of_others"):
            around.held[node_id] += number
            if fact == "held_of_queue":
                around.held_of_queue[node_id] += number
    return around
