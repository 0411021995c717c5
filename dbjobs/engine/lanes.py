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
        self._fruitless = 0

    async def claim(
        self,
        node_id: int,
        lanes: int,
        run_length: int,
        queues: Sequence[str],
        commands: Sequence[str],
        *,
        all_but: bool,
    ) -> tuple[list[list[Claimed]], bool]:
        """Lease up to ``lanes`` idle lanes and claim the head of each.

        Args:
            all_but: ``queues`` are those that this node does not serve.

        Returns:
            A run of jobs in order for each lane, and whether there may be more lanes with work.
        """
        scan_limit = max(LEAST_LOOK, lanes * LOOK_FACTOR)
        after = self._after
        claimed, empty = await repository.claim_lanes(
            self._db,
            node_id,
            after_worker=after,
            lanes=lanes,
            run_length=run_length,
            scan_limit=scan_limit,
            queues=queues,
            all_but=all_but,
            commands=commands,
        )
        if empty:
            await repository.release_workers(self._db, node_id, empty)
        runs: dict[str, list[Claimed]] = {}
        for job in sorted(claimed, key=lambda job: (job.worker, job.priority, job.id)):
            runs.setdefault(job.worker or "", []).append(job)
        found = len(runs) + len(empty)
        if found >= lanes:
            self._after, more = max((*runs, *empty)), True
        else:
            # All lanes that this look could reach may be taken: the next look goes on behind them.
            end = await repository.skip_lanes(self._db, after, scan_limit)
            self._after, more = end or "", end is not None or after != ""
        # A round over all lanes that has found none is the last one, until there is news.
        self._fruitless = 0 if found else self._fruitless + (self._after == "")
        return list(runs.values()), more and self._fruitless < 2
