"""Nodes: registration, leases, what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dbjobs.models import NodeInfo
from dbjobs.store.records import Held
from dbjobs.store.repository.rows import Fetcher, json_of, moment_of


async def register_node(db: Fetcher, name: str, lease_seconds: float, info: str) -> int:
    """A new node row with a lease; its id."""
    rows = await db.fetch("register_node", name=name, lease_seconds=lease_seconds, info=info)
    return int(rows[0][0])


async def heartbeat(db: Fetcher, node_id: int, lease_seconds: float, info: str) -> bool:
    """Renew the lease, also one that has lapsed; False if the node was buried."""
    return bool(await db.fetch("heartbeat", node_id=node_id, lease_seconds=lease_seconds, info=info))


async def find_cancel_requests(db: Fetcher, node_id: int) -> set[int]:
    """Our jobs that somebody wants cancelled."""
    return {row[0] for row in await db.fetch("find_cancel_requests", node_id=node_id)}


async def bury_node(db: Fetcher, node_id: int) -> bool:
    """Revoke the lease of a node if it has run out; False if it still holds, or if another node was faster."""
    return bool(await db.fetch("bury_node", node_id=node_id))


async def find_held(db: Fetcher, node_id: int, limit: int) -> list[Held]:
    """Jobs in the hands of a node; not those whose rows somebody else has locked."""
    rows = await db.fetch("find_held", node_id=node_id, limit=limit)
    return [
        Held(row[0], row[1], row[2], row[3], row[4], row[5] is not None, row[7], row[8], row[9] is not None)
        for row in rows
    ]


async def find_held_workers(db: Fetcher, node_id: int) -> list[str]:
    """Lanes in the hands of a node."""
    return [row[0] for row in await db.fetch("find_held_workers", node_id=node_id)]


async def find_unknown(db: Fetcher, queues: Sequence[str], commands: Sequence[str], bound: int) -> dict[str, int]:
    """Commands other than these among the first ``bound`` ready jobs of each of these queues, with their counts."""
    rows = await db.fetch("find_unknown", queues=queues, commands=commands, bound=bound)
    return {row[0]: row[1] for row in rows}


class Head(NamedTuple):
    """The first ready job of a queue or of a named worker.

    Attributes:
        worker: None for a queue's.
        age_seconds: for how long it could have run.
    """

    id: int
    queue: str
    worker: str | None
    command: str
    age_seconds: float


async def find_heads(db: Fetcher, queues: Sequence[str], workers: Sequence[str]) -> list[Head]:
    """The first ready job of each of these, where there is one: a probe of an index for each name."""
    return [Head(*row) for row in await db.fetch("find_heads", queues=queues, workers=workers)]


async def remove_node(db: Fetcher, node_id: int) -> bool:
    """Free the lanes of a node that holds no more jobs, and delete it; False if it has no row or still holds a job.

    Only for a node that is buried, or for our own when it has stopped.
    """
    return bool(await db.fetch("remove_node", node_id=node_id))


async def find_orphans(db: Fetcher) -> list[int]:
    """Node ids that hold something but have no row."""
    return [row[0] for row in await db.fetch("find_orphans")]


async def list_nodes(db: Fetcher) -> list[NodeInfo]:
    """All nodes, dead ones included until they are rescued."""
    return [
        NodeInfo(
            id=row["id"],
            name=row["name"],
            started_at=moment_of(row["started_at"]),
            last_seen_at=moment_of(row["last_seen_at"]),
            lease_expires_at=moment_of(row["lease_expires_at"]),
            alive=bool(row["alive"]),
            info=json_of(row["info"]) or {},
            buried=bool(row["buried"]),
        )
        for row in await db.fetch("list_nodes")
    ]
