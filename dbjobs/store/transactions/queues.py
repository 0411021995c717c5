"""The list of queues: which names a process has listed, and when a name that nobody uses any more is forgotten.

No claim needs a queue's row (claims find queues in the index of ready jobs); it is there for people, and for settings.
So nothing depends on a race here: at worst a name is missing from the list until somebody uses it again.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from dbjobs import clock
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.retrying import without_conflict

# A process lists a name again after this time, and so says that it is in use.
KNOWN_SECONDS = 3600.0
# Forget a queue that nobody has used for this time. Far above the other, so that a process that takes a name for
# listed, or is between its look and its insert, cannot be wrong.
UNUSED_SECONDS = 30 * 86400.0
QUEUES_PER_LOOK = 5_000
QUEUES_PER_STATEMENT = 500
JOBS_PER_SLICE = 10_000


class KnownQueues(set[str]):
    """Names of queues that this process has listed, or is listing, at most an hour ago.

    Asking for a name costs what it costs in any set; ``age`` is called once for a statement, not for a job.
    """

    def __init__(self) -> None:
        super().__init__()
        self._until = clock.now() + KNOWN_SECONDS

    def age(self) -> bool:
        """Forget all names if they may be an hour old; True if that was so. The time of a suspension counts."""
        now = clock.now()
        if now < self._until:
            return False
        self.clear()
        self._until = now + KNOWN_SECONDS
        return True


async def forget_queues(db: Database) -> int:
    """Forget queues without settings and live jobs that nobody has used for a time, some at a time; returns how many.

    A queue that still has a live job (scheduled for next year, say) counts as used from now on, so it is not looked at
    again before this time is over.
    """
    unused = set(await repository.find_unused_queues(db, UNUSED_SECONDS, QUEUES_PER_LOOK))
    if not unused:
        return 0
    live = sorted(await _with_jobs(db, unused))
    for start in range(0, len(live), QUEUES_PER_STATEMENT):
        await without_conflict(partial(repository.add_queues, db, live[start : start + QUEUES_PER_STATEMENT]))
    gone = sorted(unused.difference(live))
    dropped = 0
    for start in range(0, len(gone), QUEUES_PER_STATEMENT):
        dropped += await repository.drop_queues(db, gone[start : start + QUEUES_PER_STATEMENT], UNUSED_SECONDS)
    return dropped


async def _with_jobs(db: Database, wanted: Collection[str]) -> set[str]:
    """Those of these queues that have a live job, in any state: a look along all live jobs, a slice at a time."""
    found: set[str] = set()
    after = 0
    while slice_ := await repository.list_live_queues(db, after, JOBS_PER_SLICE):
        found.update(queue for queue, _ in slice_ if queue in wanted)
        after = max(last_id for _, last_id in slice_)
        if len(found) == len(wanted):
            break
    return found
