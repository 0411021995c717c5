"""The limit on SQLite: sqlite3 alone on the same files, doing no more than a job queue has to."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import Any

from benchmarks.peers import timing
from benchmarks.tables.sqlite import SqliteTables

BATCH_SIZE = 200

_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
_CLAIM = f"""
UPDATE dbjobs_background_job
SET state = 'started', node_id = :node_id, attempt = attempt + 1, started_at = {_NOW}, last_activity_at = {_NOW}
WHERE id IN (
    SELECT id FROM dbjobs_background_job
    WHERE queue = 'default' AND state = 'queued' AND worker IS NULL AND (priority, id) > (0, :last)
    ORDER BY priority, id
    LIMIT {BATCH_SIZE}
)
RETURNING id, attempt, request_body
"""
_COLUMNS = """
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, started_at, executed_at, notified_at, last_activity_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, progress, status, reply_to, error_code, error, errors,
    args, meta, trace_context, cancel_requested_at, node_id
"""
_COPY = f"""
INSERT OR REPLACE INTO completed_job ({_COLUMNS}, state, completed_at, duration_ms)
SELECT {_COLUMNS}, 'completed', {_NOW}, ?
FROM live.dbjobs_background_job
WHERE id = ? AND attempt = ? AND node_id = ?
"""
_DELETE = "DELETE FROM dbjobs_background_job WHERE id = ? AND attempt = ? AND node_id = ?"
_INSERT = """
INSERT INTO dbjobs_background_job (queue, priority, command, request, request_body, retry_limit, timeout_seconds)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_NODE = 1


def _row(number: int) -> tuple[Any, ...]:
    return "default", 0, "noop", "int", str(number), 2, 600.0


class RawSqlite:
    """What the bare driver does on the job tables. Its rows are those of ``SqliteTables.fill``."""

    settings = (
        f"sqlite3, WAL, synchronous=FULL, everything in one thread; drain: claims of {BATCH_SIZE}, then a copy of "
        "them into the month's file and a commit there, then their removal from the live file; bulk: executemany "
        "in one transaction"
    )

    def __init__(self, tables: SqliteTables) -> None:
        self._tables = tables
        self._tally = timing.Tally(asyncio.Event())

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the first claim to the last removal."""
        await self._tables.fill(jobs)
        self._tally.expect(jobs)
        tables = self._tables
        with (
            closing(tables.connect(tables.path)) as live,
            closing(tables.connect(tables.history_path, attach=tables.path)) as history,
        ):
            value = await timing.rate(jobs, self._work(live, history))
        timing.check_once_each("raw", jobs, self._tally.runs, await tables.completed())
        return value

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second of one caller that commits each INSERT."""
        return await self._enqueue_each(jobs, 1)

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """The same for many callers: there is one writer at a time, so they take turns on one connection."""
        return await self._enqueue_each(jobs, tasks)

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second of one transaction."""

        async def insert() -> None:
            live.execute("BEGIN IMMEDIATE")
            live.executemany(_INSERT, map(_row, range(jobs)))
            live.execute("COMMIT")

        with closing(self._tables.connect(self._tables.path)) as live:
            return await timing.rate(jobs, insert())

    async def _enqueue_each(self, jobs: int, tasks: int) -> float:
        async def enqueue() -> None:
            live.execute(_INSERT, _row(1))  # no BEGIN: the statement is its own transaction

        with closing(self._tables.connect(self._tables.path)) as live:
            return await timing.rate_at_once(jobs, tasks, enqueue)

    async def _work(self, live: sqlite3.Connection, history: sqlite3.Connection) -> None:
        last = 0
        while rows := live.execute(_CLAIM, {"node_id": _NODE, "last": last}).fetchall():
            last = max(row[0] for row in rows)
            copies = []
            for id, attempt, body in rows:
                began = time.perf_counter()
                await self._noop(int(body))
                copies.append(((time.perf_counter() - began) * 1000, id, attempt, _NODE))
            history.execute("BEGIN")  # not IMMEDIATE: that would lock the attached live file too
            history.executemany(_COPY, copies)
            history.execute("COMMIT")
            live.execute("BEGIN IMMEDIATE")
            live.executemany(_DELETE, [copy[1:] for copy in copies])
            live.execute("COMMIT")

    async def _noop(self, request: int) -> None:
        self._tally.run()
