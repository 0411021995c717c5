"""Writes down the outcomes of a set of attempts: one statement for each kind of outcome, each with its own commit.

Nothing is locked from one round trip to the next, so a node that is suspended in the middle stops nobody. The order
makes up for the missing transaction: an outcome that gives a lane back, or blocks it, is written last, so no lane is
free before every outcome of its run is written. Each statement is fenced, so after an error the rest can be written
again.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import TypeVar

import anyio
import msgspec
from msgspec.structs import replace

from dbjobs.errors import DatabaseUnavailable, LockTimeout, TransactionConflict
from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.counters import handler_counter
from dbjobs.store.database import Database, Session
from dbjobs.store.records import Moved, Outcome, Ready
from dbjobs.store.retrying import CONFLICT_RETRIES, repeats_itself
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.retrying import with_months

# More jobs than a node ever holds.
MOST_HELD = 100_000
_PAUSE_SECONDS = 0.01

T = TypeVar("T")


class Settlement(msgspec.Struct, frozen=True):
    """What a settlement did.

    Attributes:
        lost: ids whose attempt is no longer ours; nothing was written for them.
        parents: jobs that have ended and have children, which are still to be told (see Follower).
        ready: jobs that may run now because of it.
    """

    lost: frozenset[int]
    parents: tuple[int, ...] = ()
    ready: tuple[Ready, ...] = ()


class Settling:
    """Outcomes of one node on their way to the database; after an error ``run`` goes on where it was.

    Args:
        node_id: the node in whose name the attempts were made; part of the fence.
        counter: whose roll-ups they count in (see ``counters``).
        outcomes: at most one for each job.

    Attributes:
        in_doubt: an answer was lost, so some of it may be written already.
    """

    def __init__(self, node_id: int, counter: int, outcomes: Iterable[Outcome], *, in_doubt: bool = False) -> None:
        self._node_id = node_id
        self._locked: set[int] = set()
        self._counter = counter
        self._left = {outcome.id: outcome for outcome in sorted(outcomes, key=_ID)}
        self._lost: set[int] = set()
        self._parents: list[int] = []
        self.in_doubt = in_doubt

    async def run(self, db: Database) -> Settlement:
        """Write what is not written yet.

        Raises:
            LockTimeout: all is written but outcomes whose rows somebody else has locked (a handler's own transaction
                that hangs before its commit).
            DatabaseError: some of it may be written; run it again.
        """
        if self._locked:  # another wait for the same lock would hold up the others again
            self._locked.clear()
            await self._set_aside_locked(db, list(self._left.values()))
        if FINALS.issuperset([outcome.kind for outcome in self._left.values()]):  # as nearly always
            await self._finish(db, [o for o in self._left.values() if o.id not in self._locked])
        for last in (False, True) if self._left else ():
            await self._write(db, "hand_back", last, repository.hand_back_jobs)
            await self._write(db, "retry", last, self._retry)
            await self._write(db, "executed", last, repository.execute_jobs)
            if finals := [o for o in self._left.values() if o.kind in FINALS and o.id not in self._locked]:
                await self._finish(db, finals)
        if self._locked:
            raise LockTimeout(f"the rows of these jobs are locked by other transactions: {sorted(self._locked)}")
        return self.so_far()

    def left(self) -> list[int]:
        """Ids of the jobs whose outcomes are not written yet."""
        return [*self._left]

    def so_far(self) -> Settlement:
        """What it has done since the last call."""
        done = Settlement(frozenset(self._lost), tuple(self._parents))
        self._lost.clear()
        self._parents.clear()
        return done

    async def _retry(self, db: Database, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
        return await repository.retry_jobs(db, node_id, self._counter, outcomes)

    async def _write(
        self,
        db: Database,
        kind: str,
        last: bool,
        statement: Callable[[Database, int, Sequence[Outcome]], Awaitable[set[int]]],
    ) -> None:
        outcomes = [
            o
            for o in self._left.values()
            if o.kind == kind and (last or not _frees_a_lane(o)) and o.id not in self._locked
        ]
        if not outcomes:
            return
        try:
            done = await self._unless_locked(db, outcomes, partial(statement, db, self._node_id)) or set()
        except DatabaseUnavailable:
            self.in_doubt = True
            raise
        if self.in_doubt:
            done |= await self._written_before(db, [o for o in outcomes if o.id not in done | self._locked])
        for outcome in outcomes:
            if outcome.id in self._locked:
                continue
            if outcome.id in done:
                del self._left[outcome.id]
            elif kind == "executed":
                del self._left[outcome.id]
                self._lost.add(outcome.id)
            else:
                self._left[outcome.id] = _cancelled(outcome)

    @staticmethod
    async def _written_before(db: Database, outcomes: Sequence[Outcome]) -> set[int]:
        """An answer was lost on the way: jobs that are already as these outcomes would have them are our own doing."""
        jobs = await repository.get_jobs(db, [outcome.id for outcome in outcomes]) if outcomes else {}
        written: set[int] = set()
        for outcome in outcomes:
            job = jobs.get(outcome.id)
            if job is None or job.attempt != outcome.attempt:
                continue
            if job.state is JobState.EXECUTED if outcome.kind == "executed" else job.node_id is None:
                written.add(outcome.id)
        return written

    async def _finish(self, db: Database, finals: Sequence[Outcome]) -> None:
        finish = partial(repository.finish_jobs, db, self._node_id, self._counter)
        try:
            moved = await with_months(db, lambda: self._unless_locked(db, finals, finish)) or _NOTHING
        except DatabaseUnavailable:
            self.in_doubt = True
            raise
        finals = [outcome for outcome in finals if outcome.id not in self._locked] if self._locked else finals
        missing: Sequence[Outcome] = ()
        if len(moved.ids) < len(finals):
            there = {*moved.ids}
            missing = [outcome for outcome in finals if outcome.id not in there]
        if missing and self.in_doubt:
            # An answer was lost on the way: what is in history as we would have it is our own doing.
            ends = await repository.find_parents(db, [outcome.id for outcome in missing])
            missing = [outcome for outcome in missing if ends.get(outcome.id) != outcome.kind]
        self._parents += moved.parents
        self._lost.update(outcome.id for outcome in missing)
        if len(finals) == len(self._left):
            self._left.clear()
        else:
            for outcome in finals:
                del self._left[outcome.id]

    @repeats_itself
    async def _unless_locked(
        self, db: Database, outcomes: Sequence[Outcome], statement: Callable[[Sequence[Outcome]], Awaitable[T]]
    ) -> T | None:
        """Run a statement; after a conflict again, without those outcomes whose rows somebody else has locked."""
        wanted = list(outcomes)
        for _ in range(CONFLICT_RETRIES):
            if not wanted:
                return None
            try:
                return await statement(wanted)
            except TransactionConflict:
                await self._set_aside_locked(db, wanted)
                wanted = [outcome for outcome in wanted if outcome.id not in self._locked]
                await anyio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
        return await statement(wanted)

    async def _set_aside_locked(self, db: Database, outcomes: Sequence[Outcome]) -> None:
        """Find, without waiting, which of these rows are ours and locked.

        A look that passes locked rows by does not return them.
        """
        free = {(job.id, job.attempt) for job in await repository.find_held(db, self._node_id, MOST_HELD)}
        doubtful = [outcome for outcome in outcomes if (outcome.id, outcome.attempt) not in free]
        jobs = await repository.get_jobs(db, [outcome.id for outcome in doubtful]) if doubtful else {}
        for outcome in doubtful:
            job = jobs.get(outcome.id)
            # One that has ended meanwhile is ours in history as well, and not locked: the fence will tell.
            if (
                job is not None
                and not job.state.finished
                and (job.node_id, job.attempt) == (self._node_id, outcome.attempt)
            ):
                self._locked.add(outcome.id)


async def settle(db: Database, node_id: int, outcomes: Sequence[Outcome]) -> Settlement:
    """Write outcomes down, each exactly once or not at all, and tell the children of jobs that have ended.

    Args:
        node_id: the node in whose name the attempts were made; part of the fence.
        outcomes: at most one for each job.

    Raises:
        DatabaseError: some of it may be written; it can be repeated.
    """
    settled = await Settling(node_id, node_id, outcomes).run(db)
    if not settled.parents:
        return settled
    follower = Follower(db, parents=settled.parents)
    await follower.run()
    return replace(settled, ready=tuple(follower.ready))


async def settle_in(session: Session, node_id: int, outcomes: Sequence[Outcome]) -> Settlement:
    """Write outcomes of handlers down inside a transaction that somebody else commits.

    Children are not told: that is for the caller to do after the commit, or for the sweep.

    Args:
        outcomes: completed or executed.
    """
    executed = [outcome for outcome in outcomes if outcome.kind == "executed"]
    ended = [outcome for outcome in outcomes if outcome.kind != "executed"]
    done = await repository.execute_jobs(session, node_id, executed) if executed else set()
    moved = await repository.finish_jobs(session, node_id, handler_counter(), ended) if ended else _NOTHING
    done.update(moved.ids)
    lost = frozenset(outcome.id for outcome in outcomes if outcome.id not in done)
    return Settlement(lost, parents=tuple(moved.parents))


FINALS = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
_ID = attrgetter("id")
_NOTHING = Moved([], [])


def _frees_a_lane(outcome: Outcome) -> bool:
    return outcome.release_worker or outcome.block_worker


def _cancelled(outcome: Outcome) -> Outcome:
    """Turn a retry or hand-back that did not apply into a cancellation; the fence rejects it if the attempt is lost."""
    return replace(
        outcome,
        kind="cancelled",
        error_code="cancelled",
        error="cancelled while it was running",
        release_worker=outcome.release_worker or outcome.block_worker,
    )
