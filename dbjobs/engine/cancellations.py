"""Finds out which jobs of this node somebody wants cancelled, where no notice says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dbjobs.store import repository
from dbjobs.store.database import Database


class Cancellations:
    """Asks the database now and then.

    The heartbeat does not do this: somebody may lock the job table, and that is no reason to lose a lease.

    Args:
        current_node: the node's id; None while it has none.
        cancel: told the ids of jobs to cancel.
        seconds: between two looks.
    """

    def __init__(
        self,
        db: Database,
        current_node: Callable[[], int | None],
        cancel: Callable[[Iterable[int]], None],
        *,
        seconds: float,
    ) -> None:
        self._db = db
        self._current_node = current_node
        self._cancel = cancel
        self._seconds = seconds

    async def look(self) -> float:
        """Ask which of our jobs to cancel; seconds until the next look."""
        id = self._current_node()
        if id is not None:
            self._cancel(await repository.find_cancel_requests(self._db, id))
        return self._seconds
