"""``jobs.workers``: named workers and nodes, for people."""

from __future__ import annotations

from datetime import timedelta

from dbjobs.client.client import Client
from dbjobs.commands.options import duration
from dbjobs.inspect import numbers


class WorkerAdmin:
    """What is known of named workers (``jobs.workers``)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stats(self, *, seconds: float | timedelta = 3600) -> numbers.WorkerStats:
        """What each named worker and each node does now and has done, per node and together.

        Args:
            seconds: how far back, in seconds or as a timedelta.
        """
        return await numbers.workers(self._client.db, duration(seconds, "workers.stats: seconds"))
