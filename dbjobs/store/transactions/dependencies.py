"""Tells children how their parents ended: resolves, releases and cancels them until nothing is left to do.

Each step is one statement with its own commit. A row that somebody else has locked is passed by, and the engine's sweep
comes back for it (``find_dependency_work``): any node can go on where another one has stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import Ready
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.retrying import with_months

# Edges of one statement: what one round of a release may lock and write.
EDGES_PER_STATEMENT = 1000
IDS_PER_STATEMENT = 500
_ENDED: dict[JobState | None, str] = {
    JobState.FAILED: "failed",
    JobState.CANCELLED: "was cancelled",
    JobState.COMPLETED: "did not complete",
}


class Follower:
    """Follows the consequences of ends and enqueues through the graph of dependencies.

    Args:
        parents: jobs that have ended and may have children to be told.
        children: jobs that may be unresolved.

    Attributes:
        ready: jobs that may run now.
        cancelled: descendants that were cancelled.
    """

    def __init__(self, db: Database, *, parents: Iterable[int] = (), children: Iterable[int] = ()) -> None:
        self._db = db
        self._parents = set(parents)
        self._children = set(children)
        self._doomed: dict[int, set[int]] = {}
        self.ready: list[Ready] = []
        self.cancelled: set[int] = set()

    async def run(self) -> bool:
        """Go on until nothing changes any more; True if anything has changed.

        Raises:
            DatabaseError: the steps before it are committed; the sweep finds the rest.
        """
        changed = False
        while self._parents or self._children:
            parents, self._parents = self._parents, set()
            children, self._children = self._children, set()
            for ids in _slices(children):
                changed |= self._take(await without_conflict(partial(repository.resolve_children, self._db, ids)))
                changed |= await self._cancel_doomed()
            for ids in _slices(parents):
                changed |= await self._release(ids)
        if self.ready:
            await repository.notify(self._db, ready_notices(self.ready))
        return changed

    async def _release(self, parents: list[int]) -> bool:
        """All rounds that the children of these parents take."""
        release = partial(repository.release_children, self._db, parents, EDGES_PER_STATEMENT)
        changed = False
        while True:
            told = await without_conflict(release)
            progress = self._take(told)
            # Doomed children keep their edges until they are cancelled, which frees the way to those behind them.
            progress |= await self._cancel_doomed()
            changed |= progress
            children = len(told.changed) + len(told.doomed)
            # Were there fewer edges than one statement takes? A child may have had one from each of these parents.
            if not progress or (not told.doomed and children * len(parents) < EDGES_PER_STATEMENT):
                return changed

    def _take(self, told: repository.Told) -> bool:
        self.ready += told.ready
        for child, parent in told.doomed.items():
            self._doomed.setdefault(parent, set()).add(child)
        return bool(told.changed)

    async def _cancel_doomed(self) -> bool:
        """Cancel what a round has named; each is a parent itself, whose own children hear of it in the next one."""
        if not self._doomed:
            return False
        ended: set[int] = set()
        states = await repository.find_parents(self._db, sorted(self._doomed))
        while self._doomed:
            parent, children = self._doomed.popitem()
            reason = f"job {parent}, which it depends on, {_ENDED.get(states.get(parent), 'is gone')}"
            ended |= await cancel_waiting(self._db, children, "parent", reason)
        self.cancelled |= ended
        self._parents |= ended
        return bool(ended)


async def cancel_waiting(
    db: Database, ids: Iterable[int], code: str, reason: str, *, expired: bool = False
) -> set[int]:
    """Cancel those of these jobs that have not started and are not locked by somebody else; returns their ids.

    Their children are not told yet: see Follower.

    Args:
        expired: only those that were to start by now and have not.
    """
    ended: set[int] = set()
    for some in _slices(ids):
        cancel = partial(
            repository.cancel_jobs,
            db,
            some,
            client_counter(),
            code,
            reason,
            ask_running=False,
            expired=expired,
        )
        ended |= (await with_months(db, partial(without_conflict, cancel)))[0]
    return ended


def _slices(ids: Iterable[int]) -> Iterator[list[int]]:
    """These ids in order, as many at a time as one statement takes."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), IDS_PER_STATEMENT):
        yield ordered[start : start + IDS_PER_STATEMENT]
