"""Writes outcomes together: at once when no write is in flight, else in the next transaction."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import anyio

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.attempt_log import tell_dropped
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.resilience import LoopDelay
from dbjobs.engine.waker import Waker
from dbjobs.engine.writing import Entry, Part, Pass, parts_of
from dbjobs.errors import DatabaseError
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.settlement import FINALS, Settlement
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

# Outcomes of one transaction.
LARGEST_BATCH = 1000
# How long the first outcome of a burst waits for the others, at most.
LONGEST_GATHERING_SECONDS = 0.005
# Outcomes that may wait to be written before claims stop: a slow database must not fill the memory.
MOST_WAITING = 4000

# Pauses before retrying outcomes that the database refuses while it takes others.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class Finisher:
    """Writes outcomes down, in batches that size themselves.

    Args:
        waker: hears of jobs that may run because of an outcome, and of lanes that are free again.
        on_finished: called with the ids of jobs that have ended.
        on_again: called with the seconds after which a job that has not ended may run again.
        on_stray_lanes: called when lanes may be held in our name without our knowing.
        on_parents: called with the ids of jobs that have ended and have children.

    Attributes:
        wants_room: claims have stopped because it was full; the waker is told when it no longer is.
    """

    def __init__(
        self,
        db: Database,
        reporter: Reporter,
        waker: Waker,
        on_finished: Callable[[Sequence[int]], None],
        on_again: Callable[[float], None],
        on_stray_lanes: Callable[[], None],
        on_parents: Callable[[Sequence[int]], None],
    ) -> None:
        self._db = db
        self._reporter = reporter
        self.count: Callable[[Sequence[Entry]], None] | None = None  # told of outcomes that are written, for statistics
        self._waker = waker
        self._on_finished = on_finished
        self._on_again = on_again
        self._on_stray_lanes = on_stray_lanes
        self._on_parents = on_parents
        self._waiting: list[Entry] = []
        self._in_flight: list[Entry] = []
        self._lanes_back: list[Attempt] = []
        self._durable: dict[Attempt, asyncio.Future[bool]] = {}
        self._refused: list[Part] = []
        self._trying: list[Part] = []
        self._retry_at = 0.0
        self._pause = 0.0
        self._told: set[str] = set()
        self.wants_room = False
        self._backoff = LoopDelay("writing outcomes")
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        refused = sum(len(part.entries) for part in (*self._refused, *self._trying)) if self._told else 0
        return len(self._waiting) + len(self._in_flight) + refused

    @property
    def is_idle(self) -> bool:
        """Everything is written."""
        return self._idle.is_set()

    @property
    def full(self) -> bool:
        """True if so many outcomes wait to be written that claims must stop."""
        return len(self) > MOST_WAITING

    def holds(self) -> set[int]:
        """Ids of the jobs whose outcome is not written yet."""
        return {outcome.id for _, outcome in self._entries()}

    def lanes(self) -> set[str | None]:
        """Named workers of those jobs."""
        attempts = [attempt for attempt, _ in self._entries()]
        return {attempt.job.worker for attempt in (*attempts, *self._lanes_back)}

    def _entries(self) -> list[Entry]:
        kept = [entry for part in (*self._refused, *self._trying) for entry in part.entries.values()]
        return [*self._waiting, *self._in_flight, *kept]

    def submit(self, attempt: Attempt, outcome: Outcome) -> None:
        """Queue an outcome; returns at once."""
        self._waiting.append((attempt, outcome))
        self._idle.clear()
        self._wake.set()

    def give_back_lane(self, attempt: Attempt) -> None:
        """Queue the return of a lane that goes back without an outcome; returns at once."""
        self._lanes_back.append(attempt)
        self._idle.clear()
        self._wake.set()

    async def durably(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Queue an outcome and wait until it is written; False if the attempt is no longer ours."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._durable[attempt] = future
        self.submit(attempt, outcome)
        try:
            return await future
        finally:
            self._durable.pop(attempt, None)

    def forget(self, node_id: int) -> None:
        """The node's lease is over: its outcomes cannot be written any more."""
        gone = [entry for entry in self._waiting if entry[0].node_id == node_id]
        self._waiting = [entry for entry in self._waiting if entry[0].node_id != node_id]
        self._conclude(gone, {outcome.id for _, outcome in gone})
        self._room_came()

    async def flush(self) -> None:
        """Wait until everything queued so far is written."""
        await self._idle.wait()

    async def run(self, current_node: Callable[[], int | None]) -> None:
        """Write for ever.

        Args:
            current_node: the node id in force; outcomes of another one are dropped when the database fails.
        """
        with suppress(DatabaseError):
            # A connection and a prepared statement for the first outcomes, while their jobs are being claimed.
            await repository.finish_jobs(self._db, 0, 0, ())
        while True:
            await self._wait()
            while self._waiting or self._lanes_back:
                await self._gather()
                if self._lanes_back:
                    with anyio.CancelScope(shield=True):
                        await self._give_back_lanes()
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                self._in_flight = batch
                if not batch:
                    continue
                if self._reporter.has_lines:
                    await self._reporter.flush_quietly()
                with anyio.CancelScope(shield=True):
                    await self._write(batch, current_node)
                self._in_flight = []
                self._room_came()
                if self._refused and time.monotonic() >= self._retry_at:
                    break
            if self._refused and time.monotonic() >= self._retry_at:
                with anyio.CancelScope(shield=True):
                    await self._write_refused(current_node)
                self._room_came()
            if not self._refused and not self._waiting and not self._lanes_back:
                self._idle.set()

    def _room_came(self) -> None:
        # Do not test whether it was full before this write: it may have filled since, and claims would wait for a poll.
        if self.wants_room and not self.full:
            self.wants_room = False
            self._waker.poke()

    async def _gather(self) -> None:
        """Let a burst come together: each statement costs something, and each commit a write to the disk.

        An outcome that is alone waits one turn of the event loop for others.
        """
        until = time.monotonic() + LONGEST_GATHERING_SECONDS
        waiting = 0
        while waiting < len(self._waiting) < LARGEST_BATCH and time.monotonic() < until:
            waiting = len(self._waiting)
            await asyncio.sleep(0)

    async def _wait(self) -> None:
        """Wait for outcomes, or until it is time to retry refused ones."""
        if self._waiting or self._lanes_back:
            return
        self._wake.clear()
        with anyio.move_on_after(max(self._retry_at - time.monotonic(), 0.0) if self._refused else math.inf):
            await self._wake.wait()

    async def _write(self, batch: Sequence[Entry], current_node: Callable[[], int | None]) -> None:
        """Write a batch. Outcomes that the database refuses for its own reasons, while it takes others, are kept.

        While it takes none, new outcomes are tried together with the batch.
        """
        parts = parts_of(batch)
        while parts:
            writing = Pass(self._settled)
            await writing.run(self._db, parts)
            parts = self._ours(writing.refused, current_node)
            if not parts or writing.error is None:
                self._backoff.succeeded()
                return
            if writing.took_some and not writing.hopeless:
                self._keep(parts, writing.error)
                return
            await self._backoff.failed(writing.error)
            more, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            self._in_flight += more
            parts += parts_of(more)

    async def _write_refused(self, current_node: Callable[[], int | None]) -> None:
        """Try again the outcomes that the database refused for reasons of its own."""
        refused, self._refused = self._refused, []
        writing = Pass(self._settled)
        self._trying = refused
        await writing.run(self._db, refused)
        self._trying = []
        if writing.error is not None:
            self._keep(self._ours(writing.refused, current_node), writing.error)
        if not self._refused:
            self._told.clear()
            self._pause = 0.0

    def _keep(self, parts: list[Part], error: Exception) -> None:
        if str(error) not in self._told:
            self._told.add(str(error))
            log.error(
                "the database refuses the outcomes of %s, and not because of their data: %s; they are kept and "
                "retried",
                counted(sum(len(part.entries) for part in parts), "job"), error,
            )  # fmt: skip
        self._refused += parts
        self._pause = min(self._pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._retry_at = time.monotonic() + self._pause

    def _ours(self, parts: Iterable[Part], current_node: Callable[[], int | None]) -> list[Part]:
        """The parts whose node id is still in force; the others can never be written."""
        ours: list[Part] = []
        for part in parts:
            if part.node_id == current_node():
                ours.append(part)
            else:
                self._settled(part.written(), part.settling.so_far())
                left = part.settling.left()
                self._conclude([part.entries[id] for id in left], left)
        return ours

    def _settled(self, entries: Sequence[Entry], settlement: Settlement) -> None:
        lanes_back = [entry for entry in entries if entry[1].release_worker or entry[1].block_worker]
        if any(outcome.id in settlement.lost for _, outcome in lanes_back):
            # Was it written before, and only the answer lost? Then the lane may be ours again by now.
            self._on_stray_lanes()
        self._conclude(entries, settlement.lost)
        if settlement.parents:
            self._on_parents(settlement.parents)
        news = self._waker.lane_news
        if any(attempt.lane_goes_on or attempt.lane_news != news for attempt, _ in lanes_back):
            self._waker.look_for_lanes()

    async def _give_back_lanes(self) -> None:
        attempts = list(self._lanes_back)
        lanes: dict[int, list[str]] = {}
        for attempt in attempts:
            if attempt.job.worker is not None:
                lanes.setdefault(attempt.node_id, []).append(attempt.job.worker)
        for node_id, workers in lanes.items():
            try:
                await repository.release_workers(self._db, node_id, workers)
            except DatabaseError as error:
                log.warning("could not give lanes back: %s; trying again soon", error)
                self._on_stray_lanes()
        del self._lanes_back[: len(attempts)]  # more may have come meanwhile
        self._waker.look_for_lanes()

    def _conclude(self, entries: Sequence[Entry], lost: Collection[int]) -> None:
        if not lost and not self._durable:  # nearly always; this runs between one statement and the next
            if self.count is not None:
                self.count(entries)
            ended = [outcome.id for _, outcome in entries if outcome.kind in FINALS]
            if len(ended) < len(entries):
                for _, outcome in entries:
                    if outcome.kind in ("retry", "hand_back"):
                        self._on_again(outcome.delay_seconds)
            if ended:
                self._on_finished(ended)
            return
        if self.count is not None:
            self.count([entry for entry in entries if entry[1].id not in lost])
        ended = []
        for attempt, outcome in entries:
            ours = outcome.id not in lost
            if not ours:
                tell_dropped(attempt)
            elif outcome.kind in FINALS:
                ended.append(outcome.id)
            elif outcome.kind in ("retry", "hand_back"):
                self._on_again(outcome.delay_seconds)
            future = self._durable.get(attempt)
            if future is not None and not future.done():
                future.set_result(ours)
        if ended:
            self._on_finished(ended)
