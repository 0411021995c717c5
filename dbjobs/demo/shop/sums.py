"""The roll-ups of invented jobs, as the engine would have written and folded them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import msgspec

from dbjobs.demo.shop.past import Ended
from dbjobs.engine.causes import KEEP_HOURS_SECONDS as CAUSE_HOURS_SECONDS
from dbjobs.engine.frames import own_frame
from dbjobs.engine.tally import KEEP_HOURS_SECONDS, KEEP_MINUTES_SECONDS, bucket_of, folded_keys
from dbjobs.store.repository.causes import Cause, CauseRow, Failures
from dbjobs.store.repository.rollups import DAY, HOUR, MINUTE, Key, Rollup, Sums

# Minutes of ``job_stat`` become hours after this time.
_STAT_MINUTES = timedelta(hours=48)
_FOLDED = -1


class _Entry(msgspec.Struct):
    code: str
    message: str
    traceback: str | None = None


_entries = msgspec.json.Decoder(list[_Entry])


class Stat(msgspec.Struct):
    """A row of ``job_stat``; its names are those of the columns."""

    minute: datetime
    queue: str
    command: str
    counter: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    duration_ms: float = 0.0


class Totals:
    """Adds jobs up.

    Args:
        now: until when.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._sums: dict[tuple[int, int, Key], Sums] = {}
        self._stats: dict[tuple[datetime, str, str], Stat] = {}
        self._causes: dict[tuple[int, int, Cause], Failures] = {}

    def add(self, job: Ended) -> None:
        """Take one in."""
        seconds = int(job.completed_at.timestamp())
        age = self._now.timestamp() - seconds
        period = MINUTE if age < KEEP_MINUTES_SECONDS else HOUR if age < KEEP_HOURS_SECONDS else DAY
        key = (period, seconds // period * period, (job.queue, job.command, job.worker or ""))
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = Sums()
        retried = job.attempt - 1
        sums.completed += job.state == "completed"
        sums.failed += job.state == "failed"
        sums.cancelled += job.state == "cancelled"
        sums.retried += retried
        sums.run_ms += job.duration_ms * job.attempt
        bucket = bucket_of(job.duration_ms)
        sums.run[bucket] = sums.run.get(bucket, 0) + job.attempt
        if not retried:
            wait = max((job.started_at - job.created_at).total_seconds() * 1000, 0.01)
            sums.waits += 1
            sums.wait_ms += wait
            bucket = math.floor(math.log2(wait) * 4)
            sums.wait[bucket] = sums.wait.get(bucket, 0) + 1
        self._count(job, retried)
        if job.errors is not None:
            self._blame(job)

    def _blame(self, job: Ended) -> None:
        """Count why its attempts failed."""
        for number, entry in enumerate(_entries.decode(job.errors or "[]"), 1):
            if entry.code == "cancelled":
                continue
            seconds = job.completed_at.timestamp()
            period = HOUR if self._now.timestamp() - seconds < CAUSE_HOURS_SECONDS else DAY
            cause = (job.command, entry.code, own_frame(entry.traceback))
            one = Failures(
                jobs=job.state == "failed" and number == job.attempt, attempts=1, first_at=seconds, last_at=seconds,
                message=entry.message, sample=[job.id],
            )  # fmt: skip
            self._causes.setdefault((period, int(seconds) // period * period, cause), Failures()).add(one)

    def _count(self, job: Ended, retried: int) -> None:
        minute = job.completed_at.astimezone(UTC).replace(second=0, microsecond=0)
        if self._now - minute > _STAT_MINUTES:
            minute = minute.replace(minute=0)
        stat = self._stats.get((minute, job.queue, job.command))
        if stat is None:
            stat = self._stats[minute, job.queue, job.command] = Stat(minute, job.queue, job.command)
        stat.completed += job.state == "completed"
        stat.failed += job.state == "failed"
        stat.cancelled += job.state == "cancelled"
        stat.retried += retried
        stat.duration_ms += job.duration_ms

    def rollups(self) -> list[Rollup]:
        """Rows of ``job_rollup``."""
        rows: dict[tuple[int, int, Key], Sums] = {}
        for (period, starts, key), sums in self._sums.items():
            for kept in (key,) if period == MINUTE else folded_keys(key):
                rows.setdefault((period, starts, kept), Sums()).add(sums)
        return [Rollup(period, starts, _FOLDED, key, sums) for (period, starts, key), sums in rows.items()]

    def causes(self) -> list[CauseRow]:
        """Rows of ``job_cause``."""
        return [CauseRow(period, starts, _FOLDED, cause, one) for (period, starts, cause), one in self._causes.items()]

    def stats(self) -> list[Stat]:
        """Rows of ``job_stat``."""
        return list(self._stats.values())
