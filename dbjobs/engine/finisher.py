"""Outcomes go out together: at once when the pipe is idle, in the next transaction when one is in flight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.resilience import Backoff
from dbjobs.engine.waker import Waker
from dbjobs.errors import DatabaseError, DatabaseUnavailable, TransactionConflict
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.store.settlement import Settlement, Settling

log = logging.getLogger("dbjobs")

# Outcomes of one transaction.
LARGEST_BATCH = 1000
# How long an outcome is set aside whose row somebody else has locked.
LOCKED_SECONDS = 0.5
# Outcomes that may wait to be written before claims stop: a slow database must not fill the memory.
MOST_WAITING = 4000

Entry = tuple[Attempt, Outcome]


class Finisher:
    """Writes outcomes down, in batches that size themselves.

    Args:
        waker: told of jobs that may run because of an outcome, and of lanes that are free again.
        on_finished: told the ids of jobs that have ended.
        on_again: told in how many seconds a job that has not ended may run again.
        on_stray_lanes: told that lanes may be held in our name without our knowing.
        on_parents: told the ids of jobs that have ended and have children.
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
        self._waker = waker
        self._on_finished = on_finished
        self._on_again = on_again
        self._on_stray_lanes = on_stray_lanes
        self._on_parents = on_parents
        self._waiting: list[Entry] = []
        self._in_flight: list[Entry] = []
        self._locked: list[Entry] = []  # their rows are locked by somebody else: tried again a little later
        self._were_locked: set[int] = set()
        self._lanes_back: list[Attempt] = []
        self._durable: dict[Attempt, asyncio.Future[bool]] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight) + len(self._locked)

    @property
    def full(self) -> bool:
        """So many outcomes wait that nothing more should be claimed."""
        return len(self) > MOST_WAITING

    def holds(self) -> set[int]:
        """Ids of the jobs whose outcome is not written yet."""
        return {outcome.id for _, outcome in (*self._waiting, *self._in_flight, *self._locked)}

    def lanes(self) -> set[str | None]:
        """Named workers of those jobs."""
        attempts = [attempt for attempt, _ in (*self._waiting, *self._in_flight, *self._locked)]
        return {attempt.job.worker for attempt in (*attempts, *self._lanes_back)}

    def submit(self, attempt: Attempt, outcome: Outcome) -> None:
        """Queue an outcome; returns at once."""
        self._waiting.append((attempt, outcome))
        self._idle.clear()
        self._wake.set()

    def give_back_lane(self, attempt: Attempt) -> None:
        """Queue the return of a lane that no outcome brings along; returns at once."""
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
        gone = [entry for entry in (*self._waiting, *self._locked) if entry[0].node_id == node_id]
        self._waiting = [entry for entry in self._waiting if entry[0].node_id != node_id]
        self._locked = [entry for entry in self._locked if entry[0].node_id != node_id]
        self._conclude(gone, {outcome.id for _, outcome in gone})

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
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._lanes_back:
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
                was_full = self.full
                self._in_flight = []
                if was_full and not self.full:
                    self._waker.poke()  # claims go on
            if not self._locked:
                self._idle.set()

    async def _write(self, batch: list[Entry], current_node: Callable[[], int | None]) -> None:
        by_node: dict[int, list[Entry]] = {}
        for entry in batch:
            by_node.setdefault(entry[0].node_id, []).append(entry)
        for node_id, entries in by_node.items():
            await self._write_for(node_id, entries, current_node)

    async def _write_for(self, node_id: int, entries: list[Entry], current_node: Callable[[], int | None]) -> None:
        backoff = Backoff("writing outcomes")
        settling = Settling(
            node_id,
            node_id,
            (outcome for _, outcome in entries),
            look_first=any(outcome.id in self._were_locked for _, outcome in entries),
        )
        while True:
            try:
                settlement = await settling.run(self._db)
            except (DatabaseUnavailable, TransactionConflict) as error:
                if current_node() != node_id:
                    self._conclude(entries, {outcome.id for _, outcome in entries})
                    return
                await backoff.failed(error)
            except DatabaseError as error:
                await self._divide(node_id, entries, error, current_node)
                return
            else:
                backoff.succeeded()
                self._settled(entries, settlement)
                return

    async def _divide(
        self, node_id: int, entries: list[Entry], error: DatabaseError, current_node: Callable[[], int | None]
    ) -> None:
        """The database refuses a batch: find the outcome that it refuses and fail that job with the reason."""
        if len(entries) > 1:
            middle = len(entries) // 2
            await self._write_for(node_id, entries[:middle], current_node)
            await self._write_for(node_id, entries[middle:], current_node)
            return
        attempt, outcome = entries[0]
        log.error("job %s: its outcome cannot be stored: %s", outcome.id, error)
        text = f"the outcome of this job could not be stored: {error}".encode("ascii", "replace").decode()[:500]
        plain = Outcome(
            id=outcome.id,
            attempt=outcome.attempt,
            kind="failed",
            error_code="unstorable",
            error=text.replace("\0", "?"),
            release_worker=outcome.release_worker or outcome.block_worker,
        )
        if outcome.error_code == "unstorable":
            # Even that was refused: it is not this job's data. Keep the job and try again later.
            await anyio.sleep(1.0)
        await self._write_for(node_id, [(attempt, plain)], current_node)

    def _settled(self, entries: list[Entry], settlement: Settlement) -> None:
        if settlement.locked or self._were_locked:
            entries = self._set_aside(entries, settlement.locked)
        if any(outcome.id in settlement.lost for _, outcome in entries if _gives_lane_back(outcome)):
            # Was it written before, and only the answer lost? Then the lane may be ours again by now.
            self._on_stray_lanes()
        self._conclude(entries, settlement.lost)
        if settlement.parents:
            self._on_parents(settlement.parents)
        if any(
            attempt.lane_goes_on or attempt.lane_news != self._waker.lane_news
            for attempt, outcome in entries
            if _gives_lane_back(outcome)
        ):
            self._waker.look_for_lanes()

    def _set_aside(self, entries: list[Entry], locked: frozenset[int]) -> list[Entry]:
        """Keep what is locked for another try, so that it holds up nothing else; the rest."""
        aside = [entry for entry in entries if entry[1].id in locked]
        self._were_locked.difference_update(outcome.id for _, outcome in entries)
        self._were_locked |= locked
        self._locked += aside
        if aside:
            asyncio.get_running_loop().call_later(LOCKED_SECONDS, self._try_again, aside)
        return [entry for entry in entries if entry[1].id not in locked]

    def _try_again(self, aside: list[Entry]) -> None:
        mine = [entry for entry in self._locked if any(entry is other for other in aside)]
        self._locked = [entry for entry in self._locked if not any(entry is other for other in aside)]
        self._waiting += mine
        self._wake.set()  # also if there are none any more: the writer says when it is idle

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
                log.warning("lanes could not be given back: %s; they will be found", error)
                self._on_stray_lanes()
        del self._lanes_back[: len(attempts)]  # more may have come meanwhile
        self._waker.look_for_lanes()

    def _conclude(self, entries: list[Entry], lost: set[int] | frozenset[int]) -> None:
        ended: list[int] = []
        for attempt, outcome in entries:
            ours = outcome.id not in lost
            if not ours:
                log.warning(
                    "job %s attempt %s is no longer ours: its outcome was dropped",
                    outcome.id,
                    outcome.attempt,
                )
            elif outcome.kind in ("completed", "failed", "cancelled"):
                ended.append(outcome.id)
            elif outcome.kind in ("retry", "hand_back"):
                self._on_again(outcome.delay_seconds)
            future = self._durable.get(attempt)
            if future is not None and not future.done():
                future.set_result(ours)
        if ended:
            self._on_finished(ended)


def _gives_lane_back(outcome: Outcome) -> bool:
    return outcome.release_worker or outcome.block_worker
