"""Jobs and named workers taken for a node."""

from __future__ import annotations

from collections.abc import Sequence

from dbjobs.store.records import Claimed
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

Wanted = tuple[str, int, int, int]  # queue, slots, and the (priority, id) after which to look


async def claim_jobs(
    db: Fetcher, node_id: int, wanted: Sequence[Wanted], room: int, commands: Sequence[str]
) -> list[Claimed]:
    """Claim ready jobs without a named worker, at most ``room`` in all, queue by queue in the order given."""
    table = Table(("queue", "slots", "after_priority", "after_id"), wanted)
    rows = await db.fetch("claim_jobs", node_id=node_id, wanted=table, room=room, commands=commands)
    return [Claimed(*row) for row in rows]


async def find_ready_queues(db: Fetcher, after_queue: str, limit: int) -> list[str]:
    """Queues that have ready jobs without a named worker, in the order of their names, after one of them."""
    return [row[0] for row in await db.fetch("find_ready_queues", after_queue=after_queue, limit=limit)]


async def claim_lanes(
    db: Fetcher,
    node_id: int,
    *,
    after_worker: str,
    lanes: int,
    run_length: int,
    scan_limit: int,
    queues: Sequence[str],
    commands: Sequence[str],
    all_but: bool = False,
) -> tuple[list[Claimed], list[str]]:
    """Lease idle lanes and claim the head of each; returns the jobs, and the leased lanes that yielded none.

    Args:
        all_but: ``queues`` are those that are not served.
    """
    rows = await db.fetch(
        "claim_lanes",
        node_id=node_id,
        after_worker=after_worker,
        lanes=lanes,
        run_length=run_length,
        scan_limit=scan_limit,
        queues=queues,
        all_but=all_but,
        commands=commands,
    )
    return [Claimed(*row) for row in rows if row[0] is not None], [row[4] for row in rows if row[0] is None]


async def skip_lanes(db: Fetcher, after_worker: str, scan_limit: int) -> str | None:
    """The lane at which a look over ``scan_limit`` lanes ends; None if there are fewer."""
    rows = await db.fetch("skip_lanes", after_worker=after_worker, scan_limit=scan_limit)
    return rows[0][0] if rows else None


async def release_workers(db: Fetcher, node_id: int, workers: Sequence[str]) -> None:
    """Give lanes back."""
    await db.fetch("release_workers", node_id=node_id, workers=workers)


async def take_worker(db: Fetcher, node_id: int, worker: str) -> bool:
    """Lease a lane without claiming a job; False if it is taken, or the node's lease is over."""
    return bool(await db.fetch("take_worker", node_id=node_id, worker=worker))
