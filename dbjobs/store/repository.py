"""The thin repository: one typed function per statement, the same for every dialect.

Functions take a *session* (one transaction) or the *database* itself (a transaction of its own): both
have ``fetch``. What belongs together in one transaction is put together in ``enqueueing``,
``settlement``, ``cancelling`` and ``rescue``, next to this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec.structs import astuple

from dbjobs.models import (
    BatchProgress,
    Job,
    JobError,
    JobState,
    JobSummary,
    LogLine,
    MinuteStat,
    NodeInfo,
    QueueInfo,
)
from dbjobs.store.database import Row
from dbjobs.store.records import Claimed, Held, LogEntry, NewJob, OldestQueued, Outcome, ProgressReport, Ready
from dbjobs.store.statements import Table


class Fetcher(Protocol):
    """A database or a session."""

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]: ...


# --- enqueue ------------------------------------------------------------------------------------


async def insert_jobs(db: Fetcher, jobs: Sequence[NewJob], notices: Sequence[str]) -> list[tuple[int, str | None]]:
    """Insert; (id, ref_id) of the rows that went in, in input order. A live ref_id yields no row."""
    rows = await db.fetch("insert_jobs", jobs=Table.of(jobs), notices=notices)
    return sorted((row[0], row[1]) for row in rows)


async def add_to_batches(db: Fetcher, totals: Mapping[str, int]) -> None:
    """Count jobs that this transaction has added to batches."""
    await db.fetch("add_to_batches", counts=Table(("batch_id", "total"), sorted(totals.items())))


async def find_refs(db: Fetcher, ref_ids: Sequence[str]) -> list[tuple[str, int, bool]]:
    """(ref_id, id, is live) of those that exist."""
    return [(row[0], row[1], bool(row[2])) for row in await db.fetch("find_refs", ref_ids=ref_ids)]


async def discard_jobs(db: Fetcher, ids: Sequence[int]) -> None:
    """Take rows back that this transaction has inserted."""
    await db.fetch("discard_jobs", ids=ids)


async def lock_parents(db: Fetcher, ids: Sequence[int]) -> set[int]:
    """Lock and flag live jobs that a new job will depend on; those that are live."""
    return {row[0] for row in await db.fetch("lock_parents", ids=ids)}


async def find_ends(db: Fetcher, ids: Sequence[int]) -> dict[int, JobState]:
    """How jobs ended, for those that have."""
    return {row[0]: JobState(row[1]) for row in await db.fetch("find_ends", ids=ids)}


async def add_dependencies(db: Fetcher, edges: Sequence[tuple[int, int]]) -> None:
    """Record (parent id, child id) pairs."""
    await db.fetch("add_dependencies", edges=Table(("parent_id", "child_id"), edges))


async def add_queues(db: Fetcher, queues: Sequence[str]) -> None:
    """Make queues known; existing ones are left alone."""
    await db.fetch("add_queues", queues=queues)


async def notify(db: Fetcher, notices: Sequence[str]) -> None:
    """Send notices when the transaction commits (nothing on databases without them)."""
    await db.fetch("notify", notices=notices)


# --- claim --------------------------------------------------------------------------------------

Wanted = tuple[str, int, int, int]  # queue, slots, and the (priority, id) after which to look


async def claim_jobs(
    db: Fetcher, node_id: int, wanted: Sequence[Wanted], room: int, commands: Sequence[str]
) -> list[Claimed]:
    """Claim ready jobs without a named worker, at most ``room`` in all, queue by queue in the order given."""
    table = Table(("queue", "slots", "after_priority", "after_id"), wanted)
    rows = await db.fetch("claim_jobs", node_id=node_id, wanted=table, room=room, commands=commands)
    return [Claimed(*row) for row in rows]


async def claim_lanes(
    db: Fetcher,
    node_id: int,
    *,
    after_worker: str,
    lanes: int,
    run_length: int,
    scan_limit: int,
    queues: Sequence[str],
    commands: Sequence[str],
) -> tuple[list[Claimed], list[str]]:
    """Lease idle lanes and claim the head of each; the jobs, and leased lanes that yielded none."""
    rows = await db.fetch(
        "claim_lanes",
        node_id=node_id,
        after_worker=after_worker,
        lanes=lanes,
        run_length=run_length,
        scan_limit=scan_limit,
        queues=queues,
        commands=commands,
    )
    return [Claimed(*row) for row in rows if row[0] is not None], [row[4] for row in rows if row[0] is None]


async def skip_lanes(db: Fetcher, after_worker: str, scan_limit: int) -> str | None:
    """The lane at which a look over so many lanes ends; None if there are fewer."""
    rows = await db.fetch("skip_lanes", after_worker=after_worker, scan_limit=scan_limit)
    return rows[0][0] if rows else None


async def release_workers(db: Fetcher, node_id: int, workers: Sequence[str]) -> None:
    """Give lanes back."""
    await db.fetch("release_workers", node_id=node_id, workers=workers)


# --- outcomes -----------------------------------------------------------------------------------

_FINISH = (
    "id", "attempt", "kind", "response", "response_body", "duration_ms", "error_code", "error", "failure",
    "progress", "status", "release_worker",
)  # fmt: skip
_FINISH_COLUMNS = tuple("state" if name == "kind" else name for name in _FINISH)


async def finish_jobs(
    db: Fetcher, node_id: int, outcomes: Sequence[Outcome], *, plain_only: bool
) -> list[tuple[int, JobState, str | None, bool]]:
    """Move ended jobs to history; (id, state, batch_id, has_dependents) of those that were ours."""
    rows = [
        (
            o.id, o.attempt, o.kind, o.response, o.response_body, o.duration_ms, o.error_code, o.error, o.failure,
            o.progress, o.status, o.release_worker or None,
        )
        for o in outcomes
    ]  # fmt: skip
    moved = await db.fetch("finish_jobs", node_id=node_id, outcomes=Table(_FINISH_COLUMNS, rows), plain_only=plain_only)
    return [(row[0], row[1], row[2], bool(row[3])) for row in moved]


async def retry_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Schedule failed attempts again; the ids that were ours and not to be cancelled."""
    columns = (
        "id",
        "attempt",
        "delay_seconds",
        "error_code",
        "error",
        "failure",
        "block_worker",
        "release_worker",
    )
    return await _apply(db, "retry_jobs", node_id, columns, outcomes)


async def hand_back_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Return attempts without a charge; the ids that were ours and not to be cancelled."""
    return await _apply(db, "hand_back_jobs", node_id, ("id", "attempt", "release_worker"), outcomes)


async def execute_jobs(db: Fetcher, node_id: int, outcomes: Sequence[Outcome]) -> set[int]:
    """Write down that bodies succeeded and callbacks are outstanding; the ids that were ours."""
    columns = ("id", "attempt", "response", "response_body", "duration_ms")
    return await _apply(db, "execute_jobs", node_id, columns, outcomes)


async def _apply(
    db: Fetcher, statement: str, node_id: int, columns: Sequence[str], outcomes: Sequence[Outcome]
) -> set[int]:
    rows = [tuple(getattr(outcome, column) for column in columns) for outcome in outcomes]
    return {row[0] for row in await db.fetch(statement, node_id=node_id, outcomes=Table(columns, rows))}


async def release_children(db: Fetcher, parents: Sequence[tuple[int, str]]) -> tuple[list[Ready], dict[int, int]]:
    """Parents (id, final state) ended: children that became ready, and doomed children -> failed parent."""
    rows = await db.fetch("release_children", parents=Table(("id", "state"), parents))
    ready = [Ready(row[2], row[3], row[4] is not None, True) for row in rows if row[5] is None and row[1] == "queued"]
    return ready, {row[0]: row[5] for row in rows if row[5] is not None}


async def count_batches(db: Fetcher, counts: Mapping[str, tuple[int, int, int]]) -> None:
    """Add (completed, failed, cancelled) to batches; in name order, so that two nodes do not deadlock."""
    rows = [(batch_id, *counts[batch_id]) for batch_id in sorted(counts)]
    await db.fetch("count_batches", counts=Table(("batch_id", "completed", "failed", "cancelled"), rows))


async def cancel_jobs(
    db: Fetcher, ids: Sequence[int], error_code: str, error: str
) -> list[tuple[int, JobState, str | None, bool]]:
    """Move jobs that have not started to history; (id, state, batch_id, has_dependents) of those."""
    rows = await db.fetch("cancel_jobs", ids=ids, error_code=error_code, error=error)
    return [(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def request_cancel(db: Fetcher, ids: Sequence[int]) -> set[int]:
    """Ask the owners of running jobs to cancel them; the ids that are running."""
    return {row[0] for row in await db.fetch("request_cancel", ids=ids)}


async def requeue_jobs(db: Fetcher, ids: Sequence[int]) -> list[tuple[int, Ready]]:
    """Bring failed or cancelled jobs back."""
    rows = await db.fetch("requeue_jobs", ids=ids)
    return [(row[0], Ready(row[1], row[2], row[3] is not None, True)) for row in rows]


# --- time ---------------------------------------------------------------------------------------


async def promote_jobs(db: Fetcher, limit: int) -> list[Ready]:
    """Scheduled jobs that are due become ready."""
    return [Ready(row[1], row[2], row[3] is not None, True) for row in await db.fetch("promote_jobs", limit=limit)]


async def next_due(db: Fetcher) -> float | None:
    """Seconds until the next scheduled job is due; None if there is none."""
    rows = await db.fetch("next_due")
    return None if rows[0][0] is None else float(rows[0][0])


async def find_expired(db: Fetcher, limit: int) -> list[int]:
    """Jobs that were not started in time."""
    return [row[0] for row in await db.fetch("find_expired", limit=limit)]


# --- nodes --------------------------------------------------------------------------------------


async def register_node(db: Fetcher, name: str, lease_seconds: float, info: str) -> int:
    """A new node row with a lease; its id."""
    rows = await db.fetch("register_node", name=name, lease_seconds=lease_seconds, info=info)
    return int(rows[0][0])


async def heartbeat(db: Fetcher, node_id: int, lease_seconds: float, info: str) -> bool:
    """Renew the lease; False if it is over."""
    return bool(await db.fetch("heartbeat", node_id=node_id, lease_seconds=lease_seconds, info=info))


async def find_cancel_requests(db: Fetcher, node_id: int) -> set[int]:
    """Our jobs that somebody wants cancelled."""
    return {row[0] for row in await db.fetch("find_cancel_requests", node_id=node_id)}


async def lock_dead_node(db: Fetcher) -> int | None:
    """Lock one node whose lease is over."""
    rows = await db.fetch("lock_dead_node")
    return int(rows[0][0]) if rows else None


async def find_held(db: Fetcher, node_id: int, limit: int) -> list[Held]:
    """Jobs in the hands of a node."""
    rows = await db.fetch("find_held", node_id=node_id, limit=limit)
    return [Held(row[0], row[1], row[2], row[3], row[4], row[5] is not None) for row in rows]


async def find_held_workers(db: Fetcher, node_id: int) -> list[str]:
    """Lanes in the hands of a node."""
    return [row[0] for row in await db.fetch("find_held_workers", node_id=node_id)]


async def find_unknown(db: Fetcher, commands: Sequence[str], bound: int) -> dict[str, int]:
    """Commands other than these among the first ``bound`` ready jobs of each queue, with their counts."""
    return {row[0]: row[1] for row in await db.fetch("find_unknown", commands=commands, bound=bound)}


async def remove_node(db: Fetcher, node_id: int) -> None:
    """Forget a node and free its lanes."""
    await db.fetch("remove_node", node_id=node_id)


async def find_orphans(db: Fetcher) -> list[int]:
    """Node ids that hold something but have no row."""
    return [row[0] for row in await db.fetch("find_orphans")]


async def list_nodes(db: Fetcher) -> list[NodeInfo]:
    """All nodes, dead ones included until they are rescued."""
    return [
        NodeInfo(
            id=row["id"],
            name=row["name"],
            started_at=_moment(row["started_at"]),
            last_seen_at=_moment(row["last_seen_at"]),
            lease_expires_at=_moment(row["lease_expires_at"]),
            alive=bool(row["alive"]),
            info=_json(row["info"]) or {},
        )
        for row in await db.fetch("list_nodes")
    ]


# --- queues, batches, statistics ----------------------------------------------------------------


async def list_queues(db: Fetcher) -> list[QueueInfo]:
    """All known queues and their settings."""
    return [QueueInfo(queue=row[0], paused=bool(row[1]), concurrency=row[2]) for row in await db.fetch("list_queues")]


async def set_queue(db: Fetcher, queue: str, *, paused: bool | None = None, concurrency: int | None = None) -> None:
    """Change a queue's settings; None leaves one as it is, concurrency 0 takes the limit away."""
    await db.fetch("set_queue", queue=queue, paused=paused, concurrency=concurrency)


async def get_batch(db: Fetcher, batch_id: str) -> BatchProgress | None:
    """Counts of a batch."""
    rows = await db.fetch("get_batch", batch_id=batch_id)
    if not rows:
        return None
    row = rows[0]
    return BatchProgress(
        batch_id=row["batch_id"],
        total=row["total"],
        completed=row["completed"],
        failed=row["failed"],
        cancelled=row["cancelled"],
        created_at=_moment(row["created_at"]),
    )


async def count_live(db: Fetcher, bound: int) -> dict[tuple[str, str], int]:
    """(queue, state) -> jobs, counted over at most ``bound`` live rows."""
    return {(row[0], row[1]): row[2] for row in await db.fetch("count_live", bound=bound)}


async def list_stats(db: Fetcher, seconds: float) -> list[MinuteStat]:
    """Roll-ups of the last ``seconds``."""
    return [
        MinuteStat(
            minute=_moment(row["minute"]),
            queue=row["queue"],
            command=row["command"],
            completed=row["completed"],
            failed=row["failed"],
            cancelled=row["cancelled"],
            retried=row["retried"],
            duration_ms=row["duration_ms"],
        )
        for row in await db.fetch("list_stats", seconds=seconds)
    ]


async def fold_stats(db: Fetcher) -> None:
    """Turn old minutes into hours."""
    await db.fetch("fold_stats")


# --- logs and progress --------------------------------------------------------------------------


async def insert_logs(db: Fetcher, node_id: int, lines: Sequence[LogEntry], now: float) -> None:
    """Write log lines; ``now`` is time.monotonic()."""
    rows = [(line.job_id, line.attempt, max(now - line.at, 0.0), line.level, line.message) for line in lines]
    columns = ("job_id", "attempt", "age_seconds", "level", "message")
    await db.fetch("insert_logs", node_id=node_id, lines=Table(columns, rows))


async def update_progress(db: Fetcher, node_id: int, reports: Sequence[ProgressReport]) -> None:
    """Write the latest progress of running attempts."""
    table = Table(ProgressReport.__struct_fields__, [astuple(report) for report in reports])
    await db.fetch("update_progress", node_id=node_id, reports=table)


async def list_logs(db: Fetcher, job_id: int, after_id: int, limit: int) -> list[LogLine]:
    """Log lines of a job after a line id, oldest first."""
    rows = await db.fetch("list_logs", job_id=job_id, after_id=after_id, limit=limit)
    return [
        LogLine(id=row[0], job_id=row[1], attempt=row[2], at=_moment(row[3]), level=row[4], message=row[5])
        for row in rows
    ]


# --- reading jobs -------------------------------------------------------------------------------


async def get_jobs(db: Fetcher, ids: Sequence[int]) -> dict[int, Job]:
    """Whole jobs by id, live or in history."""
    jobs = (_job(row) for row in await db.fetch("get_jobs", ids=ids))
    return {job.id: job for job in jobs}


async def find_live(
    db: Fetcher,
    *,
    after_id: int,
    limit: int,
    state: str | None = None,
    worker: str | None = None,
    queue: str | None = None,
    tag: str | None = None,
    batch_id: str | None = None,
) -> list[int]:
    """Ids of live jobs by their options, in id order."""
    rows = await db.fetch(
        "find_live",
        after_id=after_id,
        limit=limit,
        state=state,
        worker=worker,
        queue=queue,
        tag=tag,
        batch_id=batch_id,
    )
    return [row[0] for row in rows]


async def list_jobs(
    db: Fetcher,
    *,
    before_id: int,
    limit: int,
    state: JobState | None = None,
    queue: str | None = None,
    worker: str | None = None,
    command: str | None = None,
    tag: str | None = None,
    batch_id: str | None = None,
    user_id: str | None = None,
    history_only: bool = False,
) -> list[JobSummary]:
    """A page of jobs, newest first."""
    rows = await db.fetch(
        "list_jobs",
        before_id=before_id,
        limit=limit,
        live=not history_only and (state is None or not state.finished),
        completed=state in (None, JobState.COMPLETED),
        failed=state in (None, JobState.FAILED, JobState.CANCELLED),
        state=state,
        queue=queue,
        worker=worker,
        command=command,
        tag=tag,
        batch_id=batch_id,
        user_id=user_id,
    )
    return [
        JobSummary(
            id=row["id"],
            ref_id=row["ref_id"],
            queue=row["queue"],
            worker=row["worker"],
            command=row["command"],
            state=JobState(row["state"]),
            priority=row["priority"],
            tag=row["tag"],
            batch_id=row["batch_id"],
            user_id=row["user_id"],
            attempt=row["attempt"],
            created_at=_moment(row["created_at"]),
            run_after=_maybe_moment(row["run_after"]),
            started_at=_maybe_moment(row["started_at"]),
            completed_at=_maybe_moment(row["completed_at"]),
            duration_ms=row["duration_ms"],
            progress=row["progress"],
            status=row["status"],
            error_code=row["error_code"],
            error=row["error"],
        )
        for row in rows
    ]


# --- partitions ---------------------------------------------------------------------------------


async def current_month(db: Fetcher) -> str:
    """This month by the database's clock, as 'YYYYMM'."""
    return str((await db.fetch("current_month"))[0][0])


async def list_partitions(db: Fetcher) -> list[str]:
    """Months that history has a place for, as 'YYYYMM'."""
    return [row[0] for row in await db.fetch("list_partitions")]


# --- checks -------------------------------------------------------------------------------------


async def server_version(db: Fetcher) -> str:
    """Name and version of the database."""
    return str((await db.fetch("server_version"))[0][0])


async def oldest_queued(db: Fetcher, bound: int) -> OldestQueued | None:
    """The job that has waited longest although it may run, among the first ``bound`` by id."""
    rows = await db.fetch("oldest_queued", bound=bound)
    return OldestQueued(*rows[0]) if rows else None


async def find_stranded(db: Fetcher, limit: int) -> list[int]:
    """Waiting jobs that no live parent will release; there should be none."""
    return [row[0] for row in await db.fetch("find_stranded", limit=limit)]


# --- rows to models -----------------------------------------------------------------------------


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        ref_id=row["ref_id"],
        parent_id=row["parent_id"],
        worker=row["worker"],
        queue=row["queue"],
        priority=row["priority"],
        tag=row["tag"],
        batch_id=row["batch_id"],
        callback=row["callback"],
        depends_on=tuple(_json(row["depends_on"]) or ()),
        run_after=_maybe_moment(row["run_after"]),
        expires_at=_maybe_moment(row["expires_at"]),
        created_at=_moment(row["created_at"]),
        created_by=row["created_by"],
        user_id=row["user_id"],
        request_type=row["request_type"],
        command=row["command"],
        request_name=row["request"],
        request=_json(row["request_body"]),
        response=_json(row["response_body"]),
        state=JobState(row["state"]),
        started_at=_maybe_moment(row["started_at"]),
        completed_at=_maybe_moment(row["completed_at"]),
        retry_limit=row["retry_limit"],
        attempt=row["attempt"],
        duration_ms=row["duration_ms"],
        timeout_seconds=row["timeout_seconds"],
        progress=row["progress"],
        status=row["status"],
        reply_to=row["reply_to"],
        error_code=row["error_code"],
        error=row["error"],
        errors=tuple(msgspec.convert(_json(row["errors"]) or [], list[JobError])),
        args=_json(row["args"]) or {},
        meta=_json(row["meta"]) or {},
        cancel_requested_at=_maybe_moment(row["cancel_requested_at"]),
        node_id=row["node_id"],
    )


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _moment(value: datetime | str) -> datetime:
    """A time as the drivers give it: aware, or (SQLite) ISO text in UTC."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value + "+00:00")


def _maybe_moment(value: datetime | str | None) -> datetime | None:
    return None if value is None else _moment(value)
