"""Settings of queues: ``jobs.queues``."""

from __future__ import annotations

from dbjobs.client.client import Client
from dbjobs.commands.options import text, whole
from dbjobs.errors import InvalidOption
from dbjobs.models import QueueInfo
from dbjobs.store import repository


class QueueAdmin:
    """Pause, resume and limit queues, for all nodes."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list(self) -> list[QueueInfo]:
        """All queues with their settings: those without are forgotten after a month without a job."""
        return await repository.list_queues(self._client.db)

    async def pause(self, queue: str) -> None:
        """Start nothing more from this queue; what runs goes on."""
        await repository.set_queue(self._client.db, _name(queue), paused=True)
        self._client.poke_queues()

    async def resume(self, queue: str) -> None:
        """Start jobs from this queue again."""
        await repository.set_queue(self._client.db, _name(queue), paused=False)
        self._client.poke_queues()

    async def limit(self, queue: str, concurrency: int | None) -> None:
        """Run at most ``concurrency`` jobs of this queue at a time on each node; None for no limit of its own."""
        if concurrency is not None:
            whole(concurrency, "queues.limit: concurrency", 1, 100_000)
        await repository.set_queue(self._client.db, _name(queue), concurrency=concurrency or 0)
        self._client.poke_queues()


def _name(queue: str) -> str:
    try:
        name = text(queue)
    except InvalidOption as error:
        raise InvalidOption(f"a queue's name {error}, not {queue!r}") from None
    if name is None:
        raise InvalidOption("a queue's name must not be None")
    return name
