"""Housekeeping: dead nodes, partitions, retention, roll-ups. Every node does it; none of it needs a leader."""

from __future__ import annotations

import logging
import time

from dbjobs import clock
from dbjobs.engine import causes, tally
from dbjobs.engine.attempt_log import tell_lost
from dbjobs.engine.waker import Waker
from dbjobs.engine.watch import Watch
from dbjobs.errors import TransactionConflict
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions import partitions
from dbjobs.store.transactions.queues import forget_queues
from dbjobs.store.transactions.rescue import Rescue, bury, take_over
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

HOUSEKEEPING_SECONDS = 600.0
# Batches are summed up this often, so that a look at one reads few rows.
FOLD_SECONDS = 5.0
# While there is more to fold, folds rest for this many times as long as one takes: jobs come first.
FOLD_PAUSES = 3.0
ROWS_PER_FOLD = 5000
# A batch in which all jobs have ended is forgotten after this time without news.
BATCH_SECONDS = 30 * 86400.0
# Entries of the admin page's audit are kept for a year.
AUDIT_SECONDS = 366 * 86400.0


class Janitor:
    """Buries dead nodes and keeps the history in order."""

    def __init__(self, db: Database, waker: Waker, *, lease_seconds: float, retention_months: int | None) -> None:
        self._db = db
        self._waker = waker
        self._pause = min(lease_seconds / 6, 5.0)
        self._watch = Watch(self._pause)
        self._given_up: dict[int, float] = {}
        self._retention_months = retention_months

    def give_up(self, node_id: int, lease_ends: float) -> None:
        """Note that we were this node: once its lease is over on our own clock, nobody needs to watch it any longer."""
        self._given_up[node_id] = lease_ends

    async def rescue(self) -> float:
        """Take over from every node that is dead; seconds until the next look."""
        await self._end_given_up()
        nodes = await repository.list_nodes(self._db)
        dead = self._watch.look([node for node in nodes if not node.buried], clock.now())
        for node in nodes:
            is_ours = not node.buried and node.id in dead and await bury(self._db, node.id)
            if is_ours or node.buried:
                rescued = await self._take_over(node.id)
                if is_ours or rescued.requeued + rescued.ended:  # else another node did it, and logged it
                    self._report(rescued)
        return self._pause

    async def housekeep(self) -> float:
        """Make partitions ahead, apply retention, roll up, and sweep for orphans, of which there must be none."""
        made = await partitions.make_ahead(self._db)
        if made:
            log.info("made partitions of the history: %s", ", ".join(made))
        if self._retention_months is not None:
            try:
                dropped = await partitions.drop_old(self._db, self._retention_months)
            except TransactionConflict as error:
                log.info("old history is in use; keeping it for now: %s", error)
            else:
                if dropped:
                    log.info(
                        "dropped the history older than %s: %s",
                        counted(self._retention_months, "month"),
                        ", ".join(dropped),
                    )
        await repository.fold_stats(self._db)
        await tally.fold(self._db)
        await causes.fold(self._db, self._retention_months)
        while await repository.drop_batches(self._db, BATCH_SECONDS):
            pass
        await forget_queues(self._db)
        await repository.drop_audit(self._db, AUDIT_SECONDS)
        for node_id in await repository.find_orphans(self._db):
            if node_id in {node.id for node in await repository.list_nodes(self._db)}:
                continue
            rescued = await self._take_over(node_id)
            if rescued.requeued + rescued.ended:
                log.error("node %s had jobs but no row; this should not happen", node_id)
                self._report(rescued)
        return HOUSEKEEPING_SECONDS

    async def fold(self) -> float:
        """Sum up what was appended to batches; seconds until the next time."""
        began = time.monotonic()
        full = await repository.fold_batches(self._db, ROWS_PER_FOLD) == ROWS_PER_FOLD
        return FOLD_PAUSES * (time.monotonic() - began) if full else FOLD_SECONDS

    async def _end_given_up(self) -> None:
        for node_id in [id for id, lease_ends in self._given_up.items() if clock.now() >= lease_ends]:
            # A heartbeat that was held up on the way may have renewed it by mistake.
            await repository.heartbeat(self._db, node_id, 0.0, "{}")
            if await bury(self._db, node_id):
                self._report(await self._take_over(node_id))
            del self._given_up[node_id]  # if not buried by us: others have it, or will

    async def _take_over(self, node_id: int) -> Rescue:
        return await take_over(self._db, node_id, lambda job, outcome: tell_lost(job, outcome, node_id))

    def _report(self, rescued: Rescue) -> None:
        log.warning(
            "node %d is gone: %d of its jobs will run again, %d have ended",
            rescued.node_id,
            rescued.requeued,
            rescued.ended,
        )
        self._waker.look_everywhere()
