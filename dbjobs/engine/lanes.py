"""Named workers: leases on idle lanes, taken in batches, with a run of jobs for each."""

from __future__ import annotations

from collections.abc import Sequence

from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed

# Lanes looked at for each lane wanted: many may be held by other nodes.
LOOK_FACTOR = 4
LEAST_LOOK = 500


class Lanes:
    """A moving start over the lanes, so that none of them starves however many there are."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._after = ""

    async def claim(
        self, node_id: int, lanes: int, run_length: int, queues: Sequence[str], commands: Sequence[str]
    ) -> tuple[list[list[Claimed]], bool]:
        """Lease up to ``lanes`` idle lanes and claim the head of each.

        Returns:
            A run of jobs in order for each lane, and whether there may be more lanes with work.
        """
        claimed, empty = await repository.claim_lanes(
            self._db,
            node_id,
            after_worker=self._after,
            lanes=lanes,
            run_length=run_length,
            scan_limit=max(LEAST_LOOK, lanes * LOOK_FACTOR),
            queues=queues,
            commands=commands,
        )
        if empty:
            await repository.release_workers(self._db, node_id, empty)
        runs: dict[str, list[Claimed]] = {}
        for job in sorted(claimed, key=lambda job: (job.worker, job.priority, job.id)):
            runs.setdefault(job.worker or "", []).append(job)
        started_over = self._after == ""
        found = len(runs) + len(empty)
        self._after = max((*runs, *empty)) if found >= lanes else ""
        return list(runs.values()), found >= lanes or not started_over
