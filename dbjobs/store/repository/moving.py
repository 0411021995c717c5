"""Tables as a transfer reads and writes them: whole rows in the order of a key, the same values from every database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from dbjobs.store.repository.rows import Fetcher, moment_of

_LEAST = -(2**63)
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)

Key = tuple[Any, ...]
Values = list[Any]


class MovedTable(NamedTuple):
    """A table and how it is read.

    Attributes:
        part: what of a transfer it belongs to: ``queue``, ``history``, ``logs``, ``statistics``, ``schedules``,
            ``settings`` or ``requests``.
        read: statement that reads the page after a key.
        key: columns of the key, each with a value below all others.
        size: statement that tells how long the texts of the next rows are; None where rows are short.
        by_month: its rows belong to months, which are read one after another.
        derived: columns that one database has and that follow from the others.
        rows: most rows of a page.
    """

    name: str
    part: str
    read: str
    key: Mapping[str, Any]
    size: str | None = None
    by_month: bool = False
    derived: frozenset[str] = frozenset()
    rows: int = 1000


_MONTHLY = frozenset({"created_month"})

# In the order in which they are copied. Months in which jobs ended late come before the history, because SQLite notes
# those of the rows that it archives by itself.
TABLES = (
    MovedTable("job_queue", "settings", read="read_job_queue", key={"queue": ""}),
    MovedTable("scheduled_task", "schedules", read="read_scheduled_task", key={"name": ""}, rows=10),
    MovedTable("setting", "settings", read="read_setting", key={"name": ""}, rows=10),
    MovedTable("audit", "settings", read="read_audit", key={"id": _LEAST}, derived=frozenset({"id"}), rows=100),
    MovedTable("job_ref", "queue", read="read_job_ref", key={"ref_id": ""}),
    MovedTable("late_end", "history", read="read_late_end", key={"created_month": "0", "ended_month": "0"}),
    MovedTable(
        "completed_job",
        "history",
        read="read_completed_job",
        key={"id": _LEAST},
        size="size_completed_job",
        by_month=True,
        derived=_MONTHLY,
    ),
    MovedTable(
        "failed_job",
        "history",
        read="read_failed_job",
        key={"id": _LEAST},
        size="size_failed_job",
        by_month=True,
        derived=_MONTHLY,
    ),
    MovedTable(
        "job_log",
        "logs",
        read="read_job_log",
        key={"job_id": _LEAST, "id": _LEAST},
        size="size_job_log",
        by_month=True,
    ),
    MovedTable("job_dependency", "queue", read="read_job_dependency", key={"parent_id": _LEAST, "child_id": _LEAST}),
    MovedTable("ended_parent", "queue", read="read_ended_parent", key={"parent_id": _LEAST}),
    MovedTable("job_batch", "queue", read="read_job_batch", key={"batch_id": ""}),
    MovedTable("job_worker", "queue", read="read_job_worker", key={"worker": ""}),
    MovedTable(
        "background_job",
        "queue",
        read="read_background_job",
        key={"id": _LEAST},
        size="size_background_job",
        derived=frozenset({"line", "place", "expiry"}),
    ),
    MovedTable(
        "job_stat",
        "statistics",
        read="read_job_stat",
        key={"minute": _BEGINNING, "queue": "", "command": "", "counter": _LEAST},
    ),
    MovedTable(
        "job_rollup",
        "statistics",
        read="read_job_rollup",
        key={"period_seconds": 0, "starts": _LEAST, "name": "", "counter": _LEAST},
    ),
    MovedTable(
        "job_cause",
        "statistics",
        read="read_job_cause",
        key={"period_seconds": 0, "starts": _LEAST, "cause": "", "counter": _LEAST},
    ),
    MovedTable(
        "request_log",
        "requests",
        read="read_request_log",
        key={"at": _BEGINNING, "tie": _LEAST},
        size="size_request_log",
        by_month=True,
        derived=frozenset({"month"}),
    ),
    MovedTable(
        "request_stat",
        "requests",
        read="read_request_stat",
        key={"kind": "", "detail_kind": "", "hour": _BEGINNING, "name": "", "detail": "", "counter": _LEAST},
        by_month=True,
    ),
)

# What the values of a column are, wherever it is; what is in none of these is a number or a text in every database.
MOMENTS = frozenset(
    {
        "run_after", "expires_at", "created_at", "started_at", "executed_at", "completed_at", "notified_at",
        "last_activity_at", "cancel_requested_at", "job_created_at", "at", "minute", "hour", "next_run_at",
        "last_run_at", "changed_at", "used_at",
    }
)  # fmt: skip
FLAGS = frozenset({"unresolved", "has_dependents", "paused", "folded", "declared"})
FLOATS = frozenset(
    {
        "duration_ms", "timeout_seconds", "progress", "interval_seconds", "run_ms", "wait_ms", "first_at", "last_at",
        "duration_min", "duration_max",
    }
)  # fmt: skip
MONTHS = frozenset({"created_month", "ended_month", "month"})
JSON = frozenset({"depends_on", "request_body", "response_body", "retry", "errors", "args", "meta", "rules", "job",
                  "runs"})  # fmt: skip


class Month(NamedTuple):
    """A month as the statements take it: 'YYYYMM', its first moment, and the first one behind it."""

    month: str
    since: datetime
    until: datetime


class Page(NamedTuple):
    """Some rows of a table: aware datetimes, booleans, JSON as text, whatever database they come from.

    Attributes:
        after: the key of the last one, as its own database has it.
    """

    columns: tuple[str, ...]
    rows: list[Values]
    after: Key


_NOTHING = Page((), [], ())


async def read_page(
    db: Fetcher, table: MovedTable, month: Month | None, after: Key, most_bytes: int, most_rows: int | None = None
) -> Page:
    """The rows after a key, in its order, as many as have about ``most_bytes`` of text together; at least one.

    A job that is running comes as one that its node has handed back.
    """
    where: dict[str, Any] = dict(zip(table.key, after, strict=True))
    if month is not None:
        where |= month._asdict()
    limit = table.rows if most_rows is None else most_rows
    if table.size is not None:
        limit = fitting([row[1] for row in await db.fetch(table.size, limit=limit, **where)], most_bytes)
        if limit == 0:
            return _NOTHING
    found = await db.fetch(table.read, limit=limit, **where)
    if not found:
        return _NOTHING
    columns = tuple(found[0].keys())
    kept, pick, conversions = _conversions(columns, table.derived)
    rows: list[Values] = []
    for row in found:
        values = list(pick(row))
        for at, convert in conversions:
            if values[at] is not None:
                values[at] = convert(values[at])
        rows.append(values)
    if table.name == "background_job":
        _hand_back(kept, rows)
    return Page(kept, rows, tuple(_aware(found[-1][name]) for name in table.key))


def _aware(value: Any) -> Any:
    return moment_of(value) if isinstance(value, datetime) else value


def fitting(sizes: Sequence[int], most_bytes: int) -> int:
    """How many of the first texts together have at most this many bytes; at least one, if there is one."""
    total = 0
    for count, size in enumerate(sizes):
        total += int(size)
        if total > most_bytes and count > 0:
            return count
    return len(sizes)


@lru_cache(maxsize=64)
def _conversions(
    columns: tuple[str, ...], derived: frozenset[str]
) -> tuple[tuple[str, ...], Callable[[Any], Sequence[Any]], tuple[tuple[int, Callable[[Any], Any]], ...]]:
    """Which columns are kept, what takes them out of a row, and what makes their values those of every database."""
    places = [at for at, column in enumerate(columns) if column not in derived]
    kept = tuple(columns[at] for at in places)
    conversions = tuple((at, kind) for at, column in enumerate(kept) if (kind := _kind(column)) is not None)
    if len(places) == len(columns):
        return kept, tuple, conversions
    return kept, itemgetter(*places), conversions


def _kind(column: str) -> Callable[[Any], Any] | None:
    if column in MOMENTS:
        return moment_of
    if column in FLAGS:
        return bool
    if column in FLOATS:
        return float
    return str if column in MONTHS else None


def _hand_back(columns: Sequence[str], rows: Sequence[Values]) -> None:
    """Make running jobs look as hand_back_jobs leaves them: queued, without a charge for the try."""
    at = {column: place for place, column in enumerate(columns)}
    for row in rows:
        if row[at["state"]] == "started":
            row[at["state"]] = "queued"
            row[at["attempt_base"]] += 1
            for column in ("node_id", "started_at", "progress", "status"):
                row[at[column]] = None


async def is_settled(db: Fetcher) -> bool:
    """True if everything that has ended is where history is read (SQLite copies it to the months' files later)."""
    return not await db.fetch("has_unarchived")


async def find_transfer(db: Fetcher) -> dict[str, str]:
    """What these tables know of a transfer; empty if there has been none."""
    if not (await db.fetch("has_transfer"))[0][0]:
        return {}
    return {row[0]: row[1] for row in await db.fetch("read_transfer")}


async def write_transfer(db: Fetcher, name: str, value: str) -> None:
    """Note something new of a transfer."""
    await db.fetch("write_transfer", name=name, value=value)


async def advance_transfer(db: Fetcher, value: str, expected: str) -> bool:
    """Note how far a transfer has come; False if it was not where it was expected to be."""
    return bool(await db.fetch("advance_transfer", value=value, expected=expected))


async def raise_ids(db: Fetcher, job_id: int, log_id: int, node_id: int) -> None:
    """Let new jobs, log lines and nodes have numbers above these."""
    await db.fetch("raise_ids", job_id=job_id, log_id=log_id, node_id=node_id)


async def unmarked_version(db: Fetcher, mark: int) -> int:
    """The version of the tables below a mark."""
    return int((await db.fetch("unmarked_version", mark=mark))[0][0] or 0)
