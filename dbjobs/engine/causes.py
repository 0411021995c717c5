"""Counts why attempts fail, in memory, and writes a row for each hour and cause every few seconds.

Only failures cost anything. A kill -9 loses the last few seconds of counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.frames import own_frame
from dbjobs.store import repository
from dbjobs.store.database import Database, Session
from dbjobs.store.records import Outcome
from dbjobs.store.repository.causes import Cause, CauseRow, Failures
from dbjobs.store.repository.rollups import DAY, HOUR
from dbjobs.store.transactions.retrying import in_transaction

FLUSH_SECONDS = 3.0
# Causes that one hour of a node tells apart; the rest are counted together under OTHERS.
MOST_CAUSES = 200
OTHERS: Cause = ("*", "*", "")
# Hours become days after this time, and days are forgotten after the retention of history, or this many months.
KEEP_HOURS_SECONDS = 14 * DAY
KEEP_MONTHS = 13
MONTH_SECONDS = 31 * DAY
ROWS_PER_FOLD = 2_000
MOST_MESSAGE = 500
MOST_NAME = 300


class Entry(msgspec.Struct):
    """What a cause is made of, in one entry of a job's error list."""

    code: str = ""
    message: str = ""
    traceback: str | None = None

    def cause(self, command: str) -> Cause:
        """The cause that this entry has for jobs of a command."""
        return command, self.code[:MOST_NAME], own_frame(self.traceback)[:MOST_NAME]


_entry = msgspec.json.Decoder(Entry)


class Causes:
    """What this node has seen fail."""

    def __init__(self, db: Database, current_node: Callable[[], int | None]) -> None:
        self._db = db
        self._current_node = current_node
        self._counter: int | None = None
        self._new: dict[Cause, Failures] = {}  # times are the monotonic clock's until they are written
        self._kept: dict[tuple[int, Cause], Failures] = {}
        self._changed: set[tuple[int, Cause]] = set()

    def count(self, entries: Sequence[tuple[Attempt, Outcome]]) -> None:
        """Count attempts that have failed; nothing about them can make this raise."""
        now = time.monotonic()
        for attempt, outcome in entries:
            if outcome.kind not in ("failed", "retry") or outcome.failure is None:
                continue
            try:
                entry = _entry.decode(outcome.failure)
            except msgspec.MsgspecError:
                continue
            cause = entry.cause(attempt.job.command)
            if cause not in self._new and len(self._new) >= MOST_CAUSES:
                cause = OTHERS
            one = Failures(
                jobs=outcome.kind == "failed", attempts=1, first_at=now, last_at=now,
                message=entry.message[:MOST_MESSAGE], sample=[attempt.job.id],
            )  # fmt: skip
            known = self._new.get(cause)
            if known is None:
                self._new[cause] = one
            else:
                known.add(one)

    async def flush(self) -> float:
        """Write what has changed; seconds until the next time."""
        node_id = self._current_node()
        if self._counter is None:
            self._counter = node_id
        if self._counter is None or not (self._new or self._changed):
            return FLUSH_SECONDS
        now = await repository.read_clock(self._db)
        self._name(now, now - time.monotonic())
        changed, self._changed, counter = self._changed, set(), self._counter
        rows = [CauseRow(HOUR, hour, counter, cause, self._kept[hour, cause]) for hour, cause in changed]
        if node_id not in (None, counter):
            # The node has a new id: from here on it counts into the rows of that id, which start at zero.
            self._counter, self._kept = node_id, {}
        try:
            await repository.write_causes(self._db, rows)
        except BaseException:
            if counter == self._counter:  # else lost: under the new id they would be counted twice
                self._changed |= changed
            raise
        for key in [key for key in self._kept if key[0] < now - 2 * HOUR and key not in self._changed]:
            del self._kept[key]
        return FLUSH_SECONDS

    def _name(self, now: float, offset: float) -> None:
        """File new counts under the current hour of the database's clock."""
        hour = int(now // HOUR) * HOUR
        in_hour = sum(1 for known, _ in self._kept if known == hour)
        new, self._new = self._new, {}
        for cause, failures in new.items():
            failures.first_at += offset
            failures.last_at += offset
            key = (hour, cause)
            if key not in self._kept:
                if in_hour >= MOST_CAUSES:
                    key = (hour, OTHERS)
                else:
                    in_hour += 1
            self._kept.setdefault(key, Failures()).add(failures)
            self._changed.add(key)


async def fold(db: Database, retention_months: int | None) -> None:
    """Old hours become days, and old days are forgotten."""
    now = int(await repository.read_clock(db))
    while await in_transaction(db, partial(_fold_in, before=(now - KEEP_HOURS_SECONDS) // DAY * DAY)):
        pass
    kept = (KEEP_MONTHS if retention_months is None else max(retention_months, 1)) * MONTH_SECONDS
    forget = partial(repository.take_causes, period_seconds=DAY, before=now - kept, most=ROWS_PER_FOLD)
    while len(await in_transaction(db, forget)) == ROWS_PER_FOLD:
        pass


async def _fold_in(session: Session, *, before: int) -> bool:
    """Fold some rows, in one transaction; True if there may be more."""
    taken = await repository.take_causes(session, HOUR, before, ROWS_PER_FOLD)
    days: dict[tuple[int, Cause], Failures] = {}
    for row in taken:
        days.setdefault((row.starts // DAY * DAY, row.cause), Failures()).add(row.failures)
    counter = -random.SystemRandom().randint(1, 2**62)  # nobody else writes under it
    await repository.write_causes(
        session, [CauseRow(DAY, starts, counter, cause, one) for (starts, cause), one in days.items()]
    )
    return len(taken) == ROWS_PER_FOLD
