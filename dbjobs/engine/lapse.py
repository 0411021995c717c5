"""What ends here when the node's lease does."""

from __future__ import annotations

import logging
import time

from dbjobs import clock
from dbjobs.engine.attempt import Stop
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.janitor import Janitor
from dbjobs.engine.node import Node
from dbjobs.engine.runner import Runners
from dbjobs.engine.transient.runs import Transients

log = logging.getLogger("dbjobs")

# How long handlers may go on after a lease was found to be over: time for the heartbeat to say whether it really is.
LAPSED_SECONDS = 0.4


class Lapse:
    """Stops the jobs of a lease that is over, or that nobody renews."""

    def __init__(
        self,
        node: Node,
        dispatcher: Dispatcher,
        runners: Runners,
        finisher: Finisher,
        janitor: Janitor,
        transients: Transients,
    ) -> None:
        self._node = node
        self._dispatcher = dispatcher
        self._runners = runners
        self._finisher = finisher
        self._janitor = janitor
        self._transients = transients
        self._lapsed_at: float | None = None

    def lost(self, node_id: int, why: str) -> None:
        """Others may have our jobs: nothing of this node id may go on here."""
        log.error("the lease of node %d is over: %s; stopping its jobs here", node_id, why)
        self._runners.drop_waiting(node_id)
        self._runners.memory.end_all(Stop.LOST, time.monotonic(), node_id)
        self._transients.lost(node_id)
        self._finisher.forget(node_id)
        self._janitor.give_up(node_id, self._node.lease_ends)

    def look(self) -> None:
        """End what runs on a lease that is over: this process was suspended, or its heartbeat stands still.

        A heartbeat that wakes up with us gets a moment to renew the lease, if nobody has taken the jobs. If it renews
        it later, the jobs that were dropped here are found and handed back.
        """
        node_id = self._node.id
        if node_id is None or clock.now() <= self._node.lease_ends:
            self._lapsed_at = None
            return
        self._lapsed_at = self._lapsed_at or time.monotonic()
        if time.monotonic() - self._lapsed_at >= LAPSED_SECONDS:
            self._runners.drop_waiting(node_id)
            self._runners.memory.end_all(Stop.LOST, time.monotonic(), node_id)
            self._transients.lost(node_id)
            self._dispatcher.reconcile_soon()

    def renewed_late(self) -> None:
        """The lease was renewed after it had run out, and nobody has taken the jobs."""
        log.warning("this process stood still for longer than its lease; no other node took its jobs, so they go on")
        self._dispatcher.reconcile_soon()  # jobs that were to start meanwhile were left alone
