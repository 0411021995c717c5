"""The node as transient runs see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dbjobs.store.database import Database


@dataclass(frozen=True, slots=True)
class Host:
    """A started node, as transient runs see it.

    Attributes:
        db: its connections.
        current_node: the node id in force.
        lease_ends: when its lease is over, by ``clock.now()``.
        lanes_to_write: lanes whose last outcome is on its way to the database.
        has_lane: whether an attempt of a lane is in memory.
        yield_lane: hand back what waits in memory for a run of this lane; True if the node holds the lane through it.
        leased: lanes that the node holds for runs.
        leasing: held while leases on lanes are taken.
        takers: lanes that runs of this node want over all nodes and do not have yet.
        look_for_lanes: a lane is free again.
        on_stray_lane: a lane may be held in the node's name without anybody's knowing.
        threads, processes: plain handlers that run at the same time.
        unresponsive_seconds: an async handler that goes on for this long after it was cancelled is closed.
    """

    db: Database
    current_node: Callable[[], int | None]
    lease_ends: Callable[[], float]
    lanes_to_write: Callable[[], set[str | None]]
    has_lane: Callable[[str], bool]
    yield_lane: Callable[[str], bool]
    leased: set[str]
    leasing: asyncio.Lock
    takers: set[str]
    look_for_lanes: Callable[[], None]
    on_stray_lane: Callable[[], None]
    threads: int
    processes: int
    unresponsive_seconds: float
