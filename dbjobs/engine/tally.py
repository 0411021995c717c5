"""Counts what attempts took, in memory, and writes a row for each minute, queue, command and named worker now and then.

None of this is in the statement that finishes jobs. A kill -9 loses the last few seconds of these numbers; the
exact counts of ``job_stat`` are written with the outcomes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import exp, inf, log, log1p, log2

from dbjobs.engine.attempt import Attempt
from dbjobs.store import repository
from dbjobs.store.database import Database, Session
from dbjobs.store.records import Claimed, Outcome
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Key, Rollup, Sums
from dbjobs.store.transactions.retrying import in_transaction

FLUSH_SECONDS = 3.0
# Names that one minute tells apart; the rest are counted together under OTHERS. There may be a lane for each customer.
MOST_NAMES = 1_000
OTHERS = "*"
# Each flush asks for this many first attempts how long they had waited.
SAMPLE = 200
# Minutes become hours after this time, hours become days.
KEEP_MINUTES_SECONDS = 3 * HOUR
KEEP_HOURS_SECONDS = 14 * DAY
ROWS_PER_FOLD = 5_000
BUCKETS_PER_DOUBLING = 4
_LEAST_MS = 0.001
_COUNTED = frozenset(("completed", "failed", "cancelled", "retry"))


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration: each is a fixed share (19 %) longer than the one before."""
    return int(log2(milliseconds) * BUCKETS_PER_DOUBLING // 1) if milliseconds > _LEAST_MS else -40


def _put(sums: Sums, kind: str, duration_ms: float | None) -> None:
    """Add one attempt."""
    if kind == "completed":
        sums.completed += 1
    elif kind == "failed":
        sums.failed += 1
    elif kind == "cancelled":
        sums.cancelled += 1
    else:
        sums.retried += 1
    if duration_ms is not None:
        sums.run_ms += duration_ms
        bucket = int(log2(duration_ms) * BUCKETS_PER_DOUBLING // 1) if duration_ms > _LEAST_MS else -40
        sums.run[bucket] = sums.run.get(bucket, 0) + 1


class Tally:
    """What this node counts.

    Args:
        on_troubled: called with the attempts among them that failed or were cancelled, if there are any.
    """

    def __init__(
        self,
        db: Database,
        current_node: Callable[[], int | None],
        on_troubled: Callable[[Sequence[tuple[Attempt, Outcome]]], None] = lambda entries: None,
    ) -> None:
        self._db = db
        self._on_troubled = on_troubled
        self._current_node = current_node
        self._counter: int | None = None
        self._offset: float | None = None
        self._minute = -1
        self._until = 0.0
        self._counts: dict[Key, Sums] = {}
        self._changed: dict[tuple[int, Key], Sums] = {}
        self._kept: dict[int, dict[Key, Sums]] = {}
        self._sample: list[tuple[int, Sums, int, Key]] = []
        self._seen = 0
        self._next_sample = 0
        self._rarity = 1.0

    def count(self, entries: Iterable[tuple[Attempt, Outcome]]) -> None:
        """Count attempts that have ended; called for each batch of outcomes, so every line here costs."""
        now = time.monotonic()
        if now >= self._until:
            self._turn(now)
        last: Key | None = None
        named, sums = ("", "", ""), Sums()
        troubled: list[tuple[Attempt, Outcome]] = []
        for attempt, outcome in entries:
            kind = outcome.kind
            if kind != "completed":
                if kind not in _COUNTED:
                    continue
                if outcome.failure is not None:
                    troubled.append((attempt, outcome))
            job = attempt.job
            key = (job.queue, job.command, job.worker or "")
            if key != last:
                last = key
                named, sums = self._sums_of(key)
            _put(sums, kind, outcome.duration_ms)
            if job.attempt == 1:
                self._seen += 1
                if self._seen >= self._next_sample:
                    self._take_sample((job.id, sums, self._minute, named))
        if troubled:
            self._on_troubled(troubled)

    def add(self, job: Claimed, kind: str, duration_ms: float | None, now: float) -> None:
        """Count one."""
        if now >= self._until:
            self._turn(now)
        key, sums = self._sums_of((job.queue, job.command, job.worker or ""))
        _put(sums, kind, duration_ms)
        if job.attempt == 1:
            self._seen += 1
            if self._seen >= self._next_sample:
                self._take_sample((job.id, sums, self._minute, key))

    def _sums_of(self, key: Key) -> tuple[Key, Sums]:
        sums = self._counts.get(key)
        if sums is None:
            key, sums = self._named(key)
        self._changed[self._minute, key] = sums
        return key, sums

    def _take_sample(self, one: tuple[int, Sums, int, Key]) -> None:
        """Keep one of those that were seen, so that each has the same chance; a full sample skips most without a look.

        Li, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", 1994: algorithm L.
        """
        if len(self._sample) < SAMPLE:
            self._sample.append(one)
            if len(self._sample) < SAMPLE:
                return
            self._rarity = 1.0
        else:
            self._sample[random.randrange(SAMPLE)] = one
        self._rarity = min(max(self._rarity * exp(log(1.0 - random.random()) / SAMPLE), 1e-9), 1.0 - 1e-9)
        self._next_sample = self._seen + 1 + int(log(1.0 - random.random()) / log1p(-self._rarity))

    def _turn(self, now: float) -> None:
        """A new minute begins; until the database's clock is known, it is called -1."""
        if self._offset is None:
            self._until = inf
        else:
            self._minute = int((now + self._offset) // MINUTE) * MINUTE
            self._until = self._minute + MINUTE - self._offset
        self._counts = self._kept.setdefault(self._minute, {})

    def _named(self, key: Key) -> tuple[Key, Sums]:
        queue, command, _ = key
        if len(self._counts) >= MOST_NAMES:
            key = (queue, command, OTHERS)
            if key not in self._counts and len(self._counts) >= 2 * MOST_NAMES:
                key = (OTHERS, OTHERS, OTHERS)
        return key, self._counts.setdefault(key, Sums())

    async def flush(self) -> float:
        """Write what has changed; seconds until the next time."""
        node_id = self._current_node()
        if self._counter is None:
            self._counter = node_id
        if self._counter is None or not self._changed:
            return FLUSH_SECONDS
        offset = await repository.read_clock(self._db) - time.monotonic()
        is_first, self._offset = self._offset is None, offset
        if is_first:
            self._name_first_minute(offset)
        sample, self._sample, self._seen, self._next_sample = self._sample, [], 0, 0
        if sample:
            waits = await repository.sample_waits(self._db, [id for id, *_ in sample])
            for id, sums, minute, key in sample:
                wait_ms = waits.get(id)
                if wait_ms is not None:
                    wait_ms = max(wait_ms, 0.0)
                    sums.waits += 1
                    sums.wait_ms += wait_ms
                    bucket = bucket_of(wait_ms)
                    sums.wait[bucket] = sums.wait.get(bucket, 0) + 1
                    self._changed[minute, key] = sums
        changed, self._changed = self._changed, {}
        counter = self._counter
        if node_id not in (None, counter):
            # The node has a new id: from here on it counts into the rows of that id, which start at zero.
            self._counter, self._kept, self._until = node_id, {}, 0.0
        rollups = [Rollup(MINUTE, minute, counter, key, sums) for (minute, key), sums in changed.items()]
        try:
            for start in range(0, len(rollups), ROWS_PER_FOLD):
                await repository.write_rollups(self._db, rollups[start : start + ROWS_PER_FOLD])
        except BaseException:
            if counter == self._counter:  # else lost: under the new id they would be counted twice
                self._changed = {**changed, **self._changed}
            raise
        for minute in [minute for minute in self._kept if minute < self._minute - MINUTE]:
            del self._kept[minute]  # written whole, twice over
        return FLUSH_SECONDS

    def _name_first_minute(self, offset: float) -> None:
        """The database's clock is known: what was counted before belongs to this minute."""
        minute = int((time.monotonic() + offset) // MINUTE) * MINUTE
        self._kept = {minute: self._counts}
        self._changed = {(minute, key): sums for (_, key), sums in self._changed.items()}
        self._sample = [(id, sums, minute, key) for id, sums, _, key in self._sample]
        self._minute, self._until = minute, minute + MINUTE - offset


async def fold(db: Database) -> None:
    """Old minutes become hours, old hours days: see ``folded_keys`` for what these tell apart."""
    now = int(await repository.read_clock(db))
    for period, longer, kept in ((MINUTE, HOUR, KEEP_MINUTES_SECONDS), (HOUR, DAY, KEEP_HOURS_SECONDS)):
        work = partial(_fold_in, period=period, longer=longer, before=(now - kept) // longer * longer)
        while await in_transaction(db, work):
            pass


async def _fold_in(session: Session, *, period: int, longer: int, before: int) -> bool:
    """Fold some rows, in one transaction; True if there may be more."""
    taken = await repository.take_rollups(session, period, before, ROWS_PER_FOLD)
    sums: dict[tuple[int, Key], Sums] = {}
    for rollup in taken:
        for key in folded_keys(rollup.key) if period == MINUTE else (rollup.key,):
            sums.setdefault((rollup.starts // longer * longer, key), Sums()).add(rollup.sums)
    counter = -random.SystemRandom().randint(1, 2**62)  # nobody else writes under it
    await repository.write_rollups(
        session, [Rollup(longer, starts, counter, key, summed) for (starts, key), summed in sums.items()]
    )
    return len(taken) == ROWS_PER_FOLD


def folded_keys(key: Key) -> tuple[Key, ...]:
    """Where a minute's sums go: all together, by queue and command, and by worker.

    There may be a lane for each customer, so what is kept for years does not tell all three apart.
    """
    queue, command, worker = key
    names: tuple[Key, ...] = (("", "", ""), (queue, command, ""))
    return (*names, ("", "", worker)) if worker else names
