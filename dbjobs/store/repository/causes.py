"""Why attempts failed, as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from dbjobs.store.database import Row
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.statements import Table

# Command, code of the error, and where it was raised.
Cause = tuple[str, str, str]
SAMPLES = 5
_COLUMNS = (
    "period_seconds", "starts", "cause", "counter", "command", "code", "frame", "jobs", "attempts", "first_at",
    "last_at", "message", "sample",
)  # fmt: skip
_ids = msgspec.json.Decoder(list[int])


def cause_id(cause: Cause) -> str:
    """A short name of a cause, the same on every node and in every release."""
    return hashlib.sha256("\0".join(cause).encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(slots=True, kw_only=True)
class Failures:
    """What is known of one cause.

    Attributes:
        jobs: that failed for good.
        attempts: that failed, theirs included.
        first_at, last_at: seconds since 1970, by the database's clock.
        message: of the last one.
        sample: ids of the last few jobs, the newest last.
    """

    jobs: int = 0
    attempts: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    message: str = ""
    sample: list[int] = field(default_factory=list)

    def add(self, other: Failures) -> None:
        """Add another one's counts."""
        first = min(self.first_at, other.first_at) if self.attempts else other.first_at
        newer, older = (other, self) if other.last_at >= self.last_at else (self, other)
        kept = [id for id in older.sample if id not in newer.sample] + newer.sample
        self.sample, self.message, self.last_at = kept[-SAMPLES:], newer.message, newer.last_at
        self.jobs += other.jobs
        self.attempts += other.attempts
        self.first_at = first


@dataclass(slots=True)
class CauseRow:
    """The failures of one cause in one period, as one node has counted them.

    Attributes:
        starts: seconds since 1970, by the database's clock.
        counter: the node that has counted; negative if it was folded.
    """

    period_seconds: int
    starts: int
    counter: int
    cause: Cause
    failures: Failures


async def write_causes(db: Fetcher, rows: Sequence[CauseRow]) -> None:
    """Write rows, each in place of the one with its period, start, cause and counter."""
    values = sorted((_values(row) for row in rows), key=lambda row: row[:4])
    if values:
        await db.fetch("write_causes", rows=Table(_COLUMNS, values))


def _values(row: CauseRow) -> tuple[int, int, str, int, str, str, str, int, int, float, float, str, str]:
    one = row.failures
    return (
        row.period_seconds, row.starts, cause_id(row.cause), row.counter, *row.cause, one.jobs, one.attempts,
        one.first_at, one.last_at, one.message, msgspec.json.encode(one.sample).decode(),
    )  # fmt: skip


async def list_causes(db: Fetcher, since: int, until: int, most: int) -> list[CauseRow]:
    """Rows that start in a time (seconds since 1970, the end not included): the newest, ``most`` of each period."""
    return [_row(row) for row in await db.fetch("list_causes", since=since, until=until, most=most)]


async def take_causes(db: Fetcher, period_seconds: int, before: int, most: int) -> list[CauseRow]:
    """Take out rows of a period that start before a moment."""
    return [_row(row) for row in await db.fetch("take_causes", period=period_seconds, before=before, most=most)]


def _row(row: Row) -> CauseRow:
    period, starts, _, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample = row
    failures = Failures(
        jobs=jobs, attempts=attempts, first_at=float(first_at), last_at=float(last_at), message=message,
        sample=_ids.decode(sample),
    )  # fmt: skip
    return CauseRow(period, starts, counter, (command, code, frame), failures)
