"""Nodes: the processes that run jobs, their load, and how to drain one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call
from dbjobs.admin.operations import Done, Nothing, Operations
from dbjobs.commands.options import MAX_ID
from dbjobs.models import NodeInfo
from dbjobs.store import repository

OPERATIONS = Operations("nodes")
# Most nodes in one answer, and most names listed for each.
MOST_NODES = 500
MOST_NAMES = 200


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Slots for one kind of handler: ``loop``, ``thread``, ``process`` or ``delivery``."""

    kind: str
    busy: int
    limit: int


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """A node, as it described itself in its last heartbeat.

    Attributes:
        id: new at every start.
        id_text: the same as a string, for clients without 64-bit integers.
        name: its host and process.
        state: ``alive``; ``draining``: it claims nothing more; ``drained``: and nothing runs there any more; ``dead``:
            its lease has expired; ``buried``: others take over the jobs it held.
        lease_seconds_left: until others may take over; below 0 once they may.
        seen_seconds_ago: since its last heartbeat.
        running: busy slots.
        concurrency: slots; None: it does not say.
        places: slots of each kind of handler.
        queues: names of the queues it serves; None: every queue.
        commands: names of the commands it knows.
        tasks: scheduled tasks it declares.
        version: of dbjobs.
        python: version of Python.
        loop_lag_ms: the longest that its event loop kept a timer waiting between its last two heartbeats.
    """

    id: int
    id_text: str
    name: str
    state: Literal["alive", "draining", "drained", "dead", "buried"]
    started_at: datetime
    last_seen_at: datetime
    lease_expires_at: datetime
    lease_seconds_left: float
    seen_seconds_ago: float
    running: int
    concurrency: int | None
    places: list[Places]
    queues: list[str] | None
    commands: list[str]
    tasks: list[str]
    version: str | None
    python: str | None
    loop_lag_ms: float | None


class NodeList(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes, by id.

    Attributes:
        at: the database's clock.
        complete: False: there are more.
    """

    nodes: list[NodeState]
    at: datetime
    complete: bool


class OneNode(msgspec.Struct, frozen=True, kw_only=True):
    """Input that names a node."""

    id: Annotated[int, Meta(ge=1, le=MAX_ID)]


@OPERATIONS.get("/nodes")
async def list_nodes(call: Call, asked: Nothing) -> NodeList:
    """Living nodes, and dead ones that have not been removed yet."""
    at = await repository.database_time(call.db)
    found = await call.jobs.nodes()
    return NodeList(nodes=[_state(node, at) for node in found[:MOST_NODES]], at=at, complete=len(found) <= MOST_NODES)


@OPERATIONS.post("/nodes/drain", verb="admin")
async def drain_node(call: Call, asked: OneNode) -> Done:
    """Make a node claim nothing more; its running jobs go on to their end."""
    call.target = f"node {asked.id}"
    await call.jobs.workers.drain(asked.id)
    return Done(message=f"node {asked.id} claims nothing more as soon as it hears of it")


@OPERATIONS.post("/nodes/undrain", verb="admin")
async def undrain_node(call: Call, asked: OneNode) -> Done:
    """Let a drained node claim jobs again."""
    call.target = f"node {asked.id}"
    await call.jobs.workers.undrain(asked.id)
    return Done(message=f"node {asked.id} goes on as soon as it hears of it")


def _state(node: NodeInfo, at: datetime) -> NodeState:
    info: Mapping[str, Any] = node.info
    running = _whole(info.get("running")) or 0
    state: Literal["alive", "draining", "drained", "dead", "buried"] = "alive"
    if node.buried:
        state = "buried"
    elif not node.alive:
        state = "dead"
    elif info.get("draining"):
        state = "draining" if running else "drained"
    places = info.get("places") if isinstance(info.get("places"), Mapping) else {}
    commands = info.get("commands") if isinstance(info.get("commands"), Mapping) else {}
    names = sorted({name for kind in (commands or {}).values() for name in kind})
    queues = info.get("queues")
    return NodeState(
        id=node.id, id_text=str(node.id), name=node.name, state=state, started_at=node.started_at,
        last_seen_at=node.last_seen_at, lease_expires_at=node.lease_expires_at,
        lease_seconds_left=(node.lease_expires_at - at).total_seconds(),
        seen_seconds_ago=max((at - node.last_seen_at).total_seconds(), 0.0), running=running,
        concurrency=_whole(info.get("concurrency")),
        places=[Places(kind=kind, busy=busy, limit=limit) for kind, (busy, limit) in (places or {}).items()],
        queues=None if queues is None else list(queues)[:MOST_NAMES],
        commands=[name for name in names if not name.startswith("dbjobs.")][:MOST_NAMES],
        tasks=list(info.get("tasks", ()))[:MOST_NAMES], version=info.get("version"), python=info.get("python"),
        loop_lag_ms=info.get("loop_lag_ms"),
    )  # fmt: skip


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
