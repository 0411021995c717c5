"""A lane for one transient run, over all nodes."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.transient.host import Host
from dbjobs.store import repository

log = logging.getLogger("dbjobs")

# A lane that is taken is asked for again. Another node that has a backlog for it leaves it free for a moment between
# two runs of jobs; looks at random moments meet one of these sooner or later. The pauses grow with the number of lanes
# that are asked for: all of them together cost the database about 40 looks a second.
SHORTEST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.05
# A holder that has kept the lane for this long may well keep it a little longer.
PATIENT_AFTER_SECONDS = 5.0
PATIENT_PAUSE_SECONDS = 0.25
TROUBLE_PAUSE_SECONDS = 1.0


class LaneLease:
    """The node's lease on a lane, without a job of it. The heartbeat keeps it; a rescue frees it when the node dies."""

    def __init__(self, host: Host, worker: str) -> None:
        self._host = host
        self._worker = worker
        self._node_id: int | None = None

    async def take(self, attempt: Attempt, pause: Callable[[float], Awaitable[None]]) -> None:
        """Take it, however long that takes; the attempt belongs to the node from here on.

        Args:
            attempt: it has the lane on this node; the look ends when it is told to stop.
            pause: waits this many seconds, or until then.
        """
        host = self._host
        host.takers.add(self._worker)
        try:
            await self._take(host, attempt, pause)
        finally:
            host.takers.discard(self._worker)

    async def _take(self, host: Host, attempt: Attempt, pause: Callable[[float], Awaitable[None]]) -> None:
        began = time.monotonic()
        told = False
        while attempt.stop is None:
            node_id = host.current_node()
            try:
                taken = node_id is not None and await self._try(node_id)
            except Exception as error:  # a driver may raise any error
                host.on_stray_lane()  # the lane may have been taken nevertheless
                if not told:
                    log.warning("worker %r for a transient run: %s; trying again", self._worker, error)
                    told = True
                await pause(TROUBLE_PAUSE_SECONDS)
                continue
            if taken:
                attempt.node_id = attempt.context.node_id = self._node_id = node_id or 0
                host.leased.add(self._worker)
                return
            longest = LONGEST_PAUSE_SECONDS
            if time.monotonic() - began > PATIENT_AFTER_SECONDS:
                longest = PATIENT_PAUSE_SECONDS
            await pause(random.uniform(SHORTEST_PAUSE_SECONDS, longest) * len(host.takers))

    async def _try(self, node_id: int) -> bool:
        host = self._host
        if host.yield_lane(self._worker):
            return True  # this node has claimed jobs of the lane, which now wait for the run to end
        if self._worker in host.lanes_to_write():
            return False  # it has it still, and will give it back
        async with host.leasing:
            return await repository.take_worker(host.db, node_id, self._worker)

    async def give_back(self) -> None:
        """Let others have it, unless jobs of this node wait for it."""
        node_id, self._node_id = self._node_id, None
        if node_id is None:
            return
        host = self._host
        # Jobs that were handed back come first: another node would take later ones.
        while node_id == host.current_node() and self._worker in host.lanes_to_write():  # noqa: ASYNC110
            await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
        host.leased.discard(self._worker)
        if node_id != host.current_node() or host.has_lane(self._worker):
            return  # the node's lease is lost, and the lane with it; or it goes back with the outcomes of these jobs
        try:
            await repository.release_workers(host.db, node_id, [self._worker])
        except Exception:
            host.on_stray_lane()  # the dispatcher will find it and give it back
        host.look_for_lanes()
