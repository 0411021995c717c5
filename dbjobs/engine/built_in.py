"""Claims jobs of built-in commands, which every node runs: whatever queues it serves, whatever commands it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dbjobs.commands.registry import BUILT_IN_QUEUE
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.hot_queues import START
from dbjobs.engine.queues import Queues
from dbjobs.engine.runner import Runners
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed

# These jobs are few, and people ask for them. They cost a node one look a second: a single probe of an index.
LOOK_SECONDS = 1.0
# The last name before theirs, as every database orders names.
_BEFORE = BUILT_IN_QUEUE[:-1] + chr(ord(BUILT_IN_QUEUE[-1]) - 1) + "\uffff"


class BuiltIn:
    """A look of its own, so that the claims for the application's jobs know nothing of these.

    The loop that claims makes it, so what a claim took is in memory before that loop compares memory with the database.

    Args:
        commands: their names.
        make: attempts for claimed jobs.
    """

    def __init__(
        self,
        db: Database,
        commands: Sequence[str],
        runners: Runners,
        queues: Queues,
        make: Callable[[int, Sequence[Claimed]], list[Attempt]],
    ) -> None:
        self._db = db
        self._commands = commands
        self._runners = runners
        self._queues = queues
        self._make = make
        self._next_look = 0.0

    def hurry(self) -> None:
        """The next look need not wait for its time."""
        self._next_look = 0.0

    async def look(self, node_id: int) -> None:
        """Claim one if there is one and a slot is free."""
        now = time.monotonic()
        if now < self._next_look or not self._commands or self._queues.is_paused(BUILT_IN_QUEUE):
            return
        if self._runners.crews["loop"].room(self._runners.room) < 1:
            return
        self._next_look = now + LOOK_SECONDS
        if BUILT_IN_QUEUE not in await repository.find_ready_queues(self._db, _BEFORE, 1):
            return
        claimed = await repository.claim_jobs(self._db, node_id, [(BUILT_IN_QUEUE, 1, *START)], 1, self._commands)
        if claimed:
            self._runners.push(self._make(node_id, claimed))
