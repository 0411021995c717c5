"""``jobs.workers``: named workers and nodes, for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dbjobs.client.client import Client
from dbjobs.commands.options import MAX_ID, duration, whole
from dbjobs.engine.draining import DRAINING, drain_setting
from dbjobs.errors import InvalidOption
from dbjobs.models import NodeInfo
from dbjobs.store import repository

if TYPE_CHECKING:
    from dbjobs.inspect.numbers import WorkerStats

# We drop what a node was told about draining if nobody has repeated it for this long; the node stays as it is.
_KEPT_SECONDS = 30 * 86400.0


class WorkerAdmin:
    """Named workers and nodes (``jobs.workers``)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stats(self, *, seconds: float | timedelta = 3600) -> WorkerStats:
        """What each named worker and each node does now and did before, per node and together.

        Args:
            seconds: how far back, in seconds or as a timedelta.
        """
        from dbjobs.inspect.numbers import workers  # for people: most processes never ask

        return await workers(self._client.db, duration(seconds, "workers.stats: seconds"))

    async def drain(self, node_id: int) -> None:
        """Ask a node to claim nothing more; its running jobs go on to their end, and other nodes take the rest.

        It learns this at its next look, within a sixth of its lease and 5 s at most. Its process stays and keeps its
        lease: stop it when it has nothing left to do. A process that loses its lease comes back under a new id and
        stays drained; a restarted process is another node.

        Raises:
            InvalidOption: there is no living node of this id.
        """
        await self._say(node_id, DRAINING, "drain")

    async def undrain(self, node_id: int) -> None:
        """Let a drained node claim jobs again.

        Raises:
            InvalidOption: there is no living node of this id.
        """
        await self._say(node_id, "", "undrain")

    async def _say(self, node_id: int, what: str, where: str) -> None:
        whole(node_id, f"workers.{where}: node_id", 0, MAX_ID)
        await self._living(node_id, where)
        db = self._client.db
        await repository.drop_settings(db, "drain:", "drain;", _KEPT_SECONDS)
        await repository.put_setting(db, drain_setting(node_id), what)
        engine = self._client.engine
        if engine is not None and engine.node_id == node_id:
            await engine.look_for_drain()

    async def _living(self, node_id: int, where: str) -> NodeInfo:
        for node in await repository.list_nodes(self._client.db):
            if node.id == node_id and node.alive and not node.buried:
                return node
        raise InvalidOption(f"workers.{where}: there is no living node {node_id!r} (see jobs.nodes)")
