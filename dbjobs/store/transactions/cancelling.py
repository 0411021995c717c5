"""Cancels jobs with their descendants, and asks nodes to stop those that run."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial

import anyio
import msgspec

from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.records import Ready
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.retrying import with_months

# How long to retry a job whose row is locked: it is being claimed, or written, at this moment.
PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


class Cancelled(msgspec.Struct, frozen=True):
    """What a cancellation did.

    Attributes:
        ended: ids that had not started, descendants included.
        asked: ids of running jobs whose node was asked to stop them.
        ready: jobs that may run because of it: children that take any end.
    """

    ended: frozenset[int]
    asked: frozenset[int]
    ready: tuple[Ready, ...]


async def cancel(db: Database, ids: Sequence[int], code: str, reason: str) -> Cancelled:
    """Cancel jobs with their descendants, and ask the nodes of those that run.

    A row that somebody else has locked is passed by and tried again, for ``PATIENCE_SECONDS``.
    """
    ended: set[int] = set()
    asked: set[int] = set()
    rest = sorted(set(ids))
    until = time.monotonic() + PATIENCE_SECONDS
    while rest:
        work = partial(repository.cancel_jobs, db, rest, client_counter(), code, reason, ask_running=True)
        gone, running = await with_months(db, partial(without_conflict, work))
        ended |= gone
        asked |= running
        rest = [id for id in rest if id not in gone and id not in running]
        if rest:
            # Those that are still alive were locked.
            found = await repository.find_parents(db, rest)
            rest = [id for id in rest if id in found and found[id] is None]
        if not rest or time.monotonic() > until:
            break
        await anyio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
    follower = Follower(db, parents=ended)
    if ended:
        await follower.run()
    return Cancelled(frozenset(ended | follower.cancelled), frozenset(asked), tuple(follower.ready))
