"""The limit on PostgreSQL: asyncpg alone on the same tables, doing no more than a job queue has to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from benchmarks.peers import timing
from benchmarks.tables.site import Site

CLAIM_SIZE = 200
# As many connections as served 50 callers best; each size is tried in every round.
POOL_SIZES = (10, 20)
# Claims may run ahead of moves by this many batches.
_BATCHES_AHEAD = 4
# Plans by the indexes that were made for these statements, whatever the statistics say at the moment.
_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_CLAIM = """
WITH ready AS (
    SELECT id FROM dbjobs.background_job
    WHERE queue = 'default' AND state = 'queued' AND worker IS NULL AND (priority, id) > (0, $1::bigint)
    ORDER BY priority, id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE dbjobs.background_job b
SET state = 'started', node_id = $3::bigint, attempt = b.attempt + 1, started_at = now(), last_activity_at = now()
FROM ready
WHERE b.id = ready.id
RETURNING b.id, b.attempt, b.request_body
"""

_COLUMNS = """
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, started_at, executed_at, notified_at, last_activity_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, progress, status, reply_to, error_code, error, errors,
    args, meta, trace_context, cancel_requested_at, node_id
"""
# IS NOT DISTINCT FROM: after `=` the planner may walk the index of held jobs, for each row or as a whole.
_MOVE = f"""
WITH moved AS (
    DELETE FROM dbjobs.background_job j
    USING unnest($1::bigint[], $2::integer[], $3::double precision[]) AS o (job_id, job_attempt, duration)
    WHERE j.id = o.job_id AND j.attempt = o.job_attempt AND j.node_id IS NOT DISTINCT FROM $4::bigint
    RETURNING j.*, o.duration
)
INSERT INTO dbjobs.completed_job ({_COLUMNS}, state, completed_at, duration_ms)
SELECT {_COLUMNS}, 'completed', clock_timestamp(), duration FROM moved
"""

_FILLED = ("queue", "priority", "command", "request", "request_body", "retry_limit", "timeout_seconds")
_INSERT = f"""
INSERT INTO dbjobs.background_job ({", ".join(_FILLED)})
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""


def _row(number: int) -> tuple[Any, ...]:
    return "default", 0, "noop", "int", str(number), 2, 600.0


class RawPostgres:
    """What the bare driver does on the job tables.

    Its rows are those of ``JobTables.fill``.
    """

    settings = (
        f"asyncpg, prepared statements; drain: claims of {CLAIM_SIZE} and moves to history of {CLAIM_SIZE}, "
        f"on a connection each, at the same time; concurrent: pools of {POOL_SIZES}; bulk: COPY"
    )

    def __init__(self, site: Site) -> None:
        self._url = site.url
        self._tables = site.tables
        self._tally = timing.Tally(asyncio.Event())

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the first claim to the last move."""
        await self._tables.fill(jobs)
        await self._tables.analyze()
        claims, moves = await self._connect(), await self._connect()
        batches: asyncio.Queue[list[Any] | None] = asyncio.Queue(_BATCHES_AHEAD)
        self._tally.expect(jobs)
        node_id = 1

        async def claim() -> None:
            statement = await claims.prepare(_CLAIM)
            last = 0
            while rows := await statement.fetch(last, CLAIM_SIZE, node_id):
                last = max(row[0] for row in rows)
                await batches.put(rows)
            await batches.put(None)

        async def run_and_move() -> None:
            statement = await moves.prepare(_MOVE)
            while (rows := await batches.get()) is not None:
                durations = []
                for _, _, body in rows:
                    began = time.perf_counter()
                    await self._noop(int(body))
                    durations.append((time.perf_counter() - began) * 1000)
                await statement.fetch([row[0] for row in rows], [row[1] for row in rows], durations, node_id)

        try:
            value = await timing.rate(jobs, asyncio.gather(claim(), run_and_move()))
        finally:
            await claims.close()
            await moves.close()
        timing.check_once_each("raw", jobs, self._tally.runs, await self._tables.completed())
        return value

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second of one caller that commits each INSERT."""
        connection = await self._connect()
        try:
            statement = await connection.prepare(_INSERT)
            numbers = iter(range(jobs))
            return await timing.rate_in_turn(jobs, lambda: statement.fetchval(*_row(next(numbers))))
        finally:
            await connection.close()

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """Jobs per second of many callers, each committing its own INSERT; the best pool size."""
        best = 0.0
        for size in POOL_SIZES:
            await self._tables.reset()
            best = max(best, await self._enqueue_over(size, jobs, tasks))
        return best

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second of one COPY of rows that are made on the way."""
        connection = await self._connect()

        async def copy() -> None:
            await connection.copy_records_to_table(
                "background_job", schema_name="dbjobs", columns=_FILLED, records=[_row(n) for n in range(jobs)]
            )

        try:
            return await timing.rate(jobs, copy())
        finally:
            await connection.close()

    async def _enqueue_over(self, size: int, jobs: int, tasks: int) -> float:
        connections = [await self._connect() for _ in range(size)]
        # The last one given back is the next one taken, as in asyncpg's pool, but without its reset.
        free: asyncio.LifoQueue[Callable[..., Awaitable[Any]]] = asyncio.LifoQueue()
        for connection in connections:
            free.put_nowait((await connection.prepare(_INSERT)).fetchval)

        async def enqueue() -> None:
            insert = await free.get()
            await insert(*_row(1))
            free.put_nowait(insert)

        try:
            return await timing.rate_at_once(jobs, tasks, enqueue)
        finally:
            for connection in connections:
                await connection.close()

    async def _noop(self, request: int) -> None:
        self._tally.run()

    async def _connect(self) -> Any:
        return await asyncpg.connect(self._url, server_settings=_SETTINGS)
